"""The store over a real etcd: one or several members, by etcd's own v3 API, shared with other masters.

Belongs here: the way to the members and from one to the next, the contract's words as etcd's messages and back, watches
that outlive a member, compaction in the words that kube-apiserver uses.  Does not: keys and revisions, which are etcd's;
starting an etcd, which is provisioning's.  (`etcd_api` beside this is the other way round: etcd's API over a store of
ours; both speak its messages.)
"""
