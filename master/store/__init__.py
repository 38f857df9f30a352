"""A revisioned key-value log with etcd's data model: memory, sqlite, etcd; and etcd's v3 API served over it.

Belongs here: keys, values, revisions, leases, watches.  Does not: anything that knows a Kubernetes kind.
"""
