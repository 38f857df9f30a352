"""What etcd and gRPC say when something was not done, as the contract's errors.

Whether a write that failed was done is not always known.  It certainly was not when it never left (`NEVER_LEFT`) or
when the member knew of no leader; everything else that breaks off is an unknown outcome.
"""

from __future__ import annotations

import grpc
import grpc.aio

from master.store.contract import (
    CannotWriteError,
    DamagedError,
    FutureRevisionError,
    InvalidTxnError,
    LeaseExistsError,
    LeaseNotFoundError,
    MissingKeyError,
    OutcomeUnknownError,
    StoreUnavailableError,
)

Code = grpc.StatusCode

COMPACTED = "required revision has been compacted"

# A part of etcd's text → what it means.
REFUSALS: dict[str, type[Exception]] = {
    "required revision is a future revision": FutureRevisionError,
    "duplicate key given in txn request": InvalidTxnError,
    "too many operations in txn request": InvalidTxnError,
    "request is too large": InvalidTxnError,
    "key not found": MissingKeyError,
    "requested lease not found": LeaseNotFoundError,
    "lease already exists": LeaseExistsError,
    "corrupt cluster": DamagedError,
    "database space exceeded": CannotWriteError,
    "too many requests": StoreUnavailableError,
    "no leader": StoreUnavailableError,
    "server stopped": StoreUnavailableError,
}
NEVER_LEFT = ("failed to connect", "connections to all backends failing", "handshake failed", "connection refused")
# Of these another member may know better, or this one in a moment.
PASSING = (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED, Code.UNKNOWN, Code.INTERNAL)


def is_compacted(error: grpc.aio.AioRpcError) -> bool:
    return COMPACTED in (error.details() or "")


def meaning(error: grpc.aio.AioRpcError) -> Exception:
    """Of any error but a compaction's, whose revision has to be asked for."""
    said = error.details() or str(error.code().name)
    for text, kind in REFUSALS.items():
        if text in said:
            return kind(said)
    if error.code() not in PASSING or never_left(error):
        return StoreUnavailableError(f"etcd: {said}")
    return OutcomeUnknownError(f"etcd: {said}")


def is_passing(error: grpc.aio.AioRpcError) -> bool:
    """Whether asking another member, or the same one a little later, may be answered."""
    return error.code() in PASSING


def never_left(error: grpc.aio.AioRpcError) -> bool:
    said = (error.details() or "").lower()
    return error.code() is Code.UNAVAILABLE and any(text in said for text in (*NEVER_LEFT, "no leader"))
