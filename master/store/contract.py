"""The store's contract: etcd's data model, small.  memory, sqlite and etcd pass one suite (tests/master/store).

How it works: one place advances the revision.  All writes of one `txn` share one revision; rows are keyed by (revision,
position in it).  A write is acknowledged when it is on disk, and its events are in every watcher's queue before the
caller of `txn` goes on (over etcd a little later, among those of other masters' writes).  A watcher's queue is bounded; a
full one ends that watch with `SlowWatcher`, events are never dropped in silence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class CompactedError(Exception):
    """The revision asked for is compacted; `compact_revision` is the oldest that can still be watched or read."""

    def __init__(self, compact_revision: int) -> None:
        super().__init__(f"revision compacted, oldest is {compact_revision}")
        self.compact_revision = compact_revision


class FutureRevisionError(Exception):
    """The revision asked for lies in the future."""


class SlowWatcherError(Exception):
    """The watcher did not keep up and its watch has ended; it starts again from a revision or a new list."""


class LeaseNotFoundError(Exception):
    """No such lease, or it has expired."""


class StoreUnavailableError(Exception):
    """Not done, and nothing changed: disk full, read-only file system, store closed, no quorum.  The text says which."""


class CannotWriteError(StoreUnavailableError):
    """The disk takes no writes now: full, read-only or failing.  Reads go on, and so do writes as soon as they can."""


class OutcomeUnknownError(Exception):
    """Whether the write was done is not known: the way to the store broke off while it was under way."""


class StoreFileError(Exception):
    """The store cannot be opened: in use, of another program, of a newer schema.  Nothing was changed; the text says which."""


class DamagedError(Exception):
    """A row on disk is not what was written; the text names its key and revision."""


class InvalidTxnError(ValueError):
    """The txn was not made: it changes one key twice."""


class MissingKeyError(LookupError):
    """The txn was not made: it keeps the value or the lease of a key that does not exist."""


class LeaseExistsError(Exception):
    """The lease id asked for is taken."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int = 0


class Target(StrEnum):
    CREATE = "create"
    MOD = "mod"
    VERSION = "version"
    VALUE = "value"
    LEASE = "lease"


@dataclass(frozen=True, slots=True)
class Compare:
    """`target op operand` on the key's present state; op is one of = != > <.  `end` compares every key of the range."""

    key: bytes
    target: Target
    op: str
    operand: int | bytes
    end: bytes | None = None


@dataclass(frozen=True, slots=True)
class Put:
    key: bytes
    value: bytes
    lease: int = 0
    prev_kv: bool = False
    ignore_value: bool = False
    ignore_lease: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRange:
    """`end` as in `Range`."""

    key: bytes
    end: bytes | None = None
    prev_kv: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Keys in [key, end); end None is the key alone, b"\\0" all from `key` on (etcd's convention).

    `revision` 0 is now; `limit` 0 is all.  `count_only` returns no kvs, `keys_only` empty values.
    """

    key: bytes
    end: bytes | None = None
    limit: int = 0
    revision: int = 0
    keys_only: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Txn:
    compares: Sequence[Compare]
    then: Sequence[Operation]
    orelse: Sequence[Operation] = ()


Operation = Put | DeleteRange | Range | Txn


@dataclass(frozen=True, slots=True)
class RangeResult:
    kvs: list[KeyValue]
    more: bool
    count: int
    revision: int


@dataclass(frozen=True, slots=True)
class PutResult:
    prev_kv: KeyValue | None


@dataclass(frozen=True, slots=True)
class DeleteResult:
    deleted: int
    prev_kvs: list[KeyValue]


@dataclass(frozen=True, slots=True)
class TxnResult:
    """`revision` is the store's revision after the txn; `results` one an operation of the branch that ran."""

    succeeded: bool
    revision: int
    results: list[RangeResult | PutResult | DeleteResult | TxnResult]


class EventType(StrEnum):
    PUT = "PUT"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Event:
    """`kv` of a DELETE has the key and the deletion's mod_revision, no value; `prev_kv` is the state before, if any."""

    type: EventType
    kv: KeyValue
    prev_kv: KeyValue | None = None


class Watch(Protocol):
    """An open watch: `async for revision, events in watch`; all events of one revision come together, in order.

    Ends with CompactedError, SlowWatcherError, StoreUnavailableError or DamagedError.  An empty events list is a
    progress mark: all events up to its revision came before it.  Marks come when `progress` asks, behind what is
    already queued; a store over etcd passes on etcd's own, which come at the interval that etcd is told.
    """

    def __aiter__(self) -> AsyncIterator[tuple[int, list[Event]]]: ...
    def progress(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """`ttl` as granted and `remaining`, in seconds; `keys` attached, sorted."""

    lease: int
    ttl: int
    remaining: int
    keys: list[bytes]


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Bytes on disk and how many of them hold rows; both 0 where nothing is on disk."""

    size: int
    in_use: int


class Store(Protocol):
    @property
    def revision(self) -> int:
        """The newest committed revision; a fresh store is at 1."""
        ...

    @property
    def compact_revision(self) -> int: ...

    async def latest(self) -> int:
        """The newest revision of all who write to the store, and so no older than any answer given before the call.

        StoreUnavailableError when it cannot be known: the store's own answers may lag behind other masters' then.
        """
        ...

    async def range(self, query: Range) -> RangeResult: ...

    async def txn(self, txn: Txn) -> TxnResult: ...

    async def watch(self, key: bytes, end: bytes | None = None, from_revision: int = 0, *, queue: int = 1000) -> Watch:
        """From `from_revision` (inclusive; 0: from the next write on) without gap or repeat.

        Raises CompactedError when that revision is already gone.  `queue` bounds the revisions waiting to be read.
        """
        ...

    async def compact(self, revision: int) -> None:
        """Forgets what was superseded before `revision`; `revision` itself can still be read and watched."""
        ...

    async def lease_grant(self, ttl: int, lease: int = 0) -> int:
        """`ttl` in seconds; lease 0 lets the store choose the id."""
        ...

    async def lease_revoke(self, lease: int) -> None:
        """Deletes its keys, all in one revision, and forgets it."""
        ...

    async def lease_keepalive(self, lease: int) -> int:
        """Returns the ttl in seconds."""
        ...

    async def lease_info(self, lease: int) -> LeaseInfo: ...

    async def leases(self) -> list[int]: ...

    async def status(self) -> StoreStatus: ...

    async def defragment(self) -> None:
        """Gives the space that compaction freed back to the file system."""
        ...

    async def close(self) -> None: ...
