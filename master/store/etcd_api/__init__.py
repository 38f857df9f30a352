"""etcd's v3 gRPC API over the store, so that etcdctl and other etcd clients find what they expect on 2379.

Belongs here: etcd's messages (`rpc.proto`, from the published field numbers), their translation, its errors and its
refusals.  Does not: keys, revisions and leases themselves, which are the store's.  What is not served (snapshots, members
coming and going, users and roles) is refused by name.  grpc is imported by `serving` only, when this API is served.

The messages are generated, from the checkout's top folder, by:
    python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. master/store/etcd_api/rpc.proto
"""

import os

# The master starts children by fork and exec; gRPC's own care for forks would only write a line into the log each time.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
