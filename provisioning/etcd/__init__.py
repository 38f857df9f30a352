"""The cluster's own etcd: Debian's program, kept running beside the master, a member a master.

Belongs here: how a member is started, with which certificates and ports, how it is made ready, and how members are added
and removed.  Does not: reading and writing through it (`master.store.over_etcd`), and who keeps a process running
(`provisioning.local.supervised`).
"""
