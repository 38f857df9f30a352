"""etcd's errors: what each refusal is called on the wire.  Codes and texts are those that etcd's clients know by heart."""

from __future__ import annotations

import grpc

from master.store.contract import (
    CannotWriteError,
    CompactedError,
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


class Refusal(Exception):
    """A request that is answered with `code` and `text`."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


EMPTY_KEY = Refusal(Code.INVALID_ARGUMENT, "etcdserver: key is not provided")
VALUE_PROVIDED = Refusal(Code.INVALID_ARGUMENT, "etcdserver: value is provided")
LEASE_PROVIDED = Refusal(Code.INVALID_ARGUMENT, "etcdserver: lease is provided")
TOO_MANY_OPERATIONS = Refusal(Code.INVALID_ARGUMENT, "etcdserver: too many operations in txn request")
TOO_LARGE = Refusal(Code.INVALID_ARGUMENT, "etcdserver: request is too large")
BAD_SORT = Refusal(Code.INVALID_ARGUMENT, "etcdserver: invalid sort option")
LEASE_TOO_LONG = Refusal(Code.OUT_OF_RANGE, "etcdserver: too large lease TTL")
AUTH_NOT_ENABLED = Refusal(Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled")
COMPACTED = "etcdserver: mvcc: required revision has been compacted"

# The first class that fits says code and text; an empty text is the error's own.
TRANSLATIONS: list[tuple[type[Exception], grpc.StatusCode, str]] = [
    (CompactedError, Code.OUT_OF_RANGE, COMPACTED),
    (FutureRevisionError, Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"),
    (InvalidTxnError, Code.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"),
    (MissingKeyError, Code.INVALID_ARGUMENT, "etcdserver: key not found"),
    (LeaseNotFoundError, Code.NOT_FOUND, "etcdserver: requested lease not found"),
    (LeaseExistsError, Code.FAILED_PRECONDITION, "etcdserver: lease already exists"),
    (DamagedError, Code.DATA_LOSS, "etcdserver: corrupt cluster"),
    (CannotWriteError, Code.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"),
    (StoreUnavailableError, Code.UNAVAILABLE, ""),
    (OutcomeUnknownError, Code.UNAVAILABLE, "etcdserver: request timed out"),
]
TRANSLATED: tuple[type[Exception], ...] = (Refusal, *(error for error, _, _ in TRANSLATIONS))


def refusal(error: Exception) -> Refusal:
    """Of one of the `TRANSLATED`."""
    if isinstance(error, Refusal):
        return error
    for kind, code, text in TRANSLATIONS:
        if isinstance(error, kind):
            return Refusal(code, text or f"etcdserver: {error}")
    raise TypeError(f"{type(error).__name__} has no translation") from error
