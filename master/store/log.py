"""What a backend keeps for the engine: an append-only log of rows, leases and the compaction mark."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from master.store.contract import Event, EventType, KeyValue, StoreStatus
from master.store.index import Version, revision_of


class Row(NamedTuple):
    """One change: a put, or a delete (`version` 0, no value)."""

    number: int
    key: bytes
    value: bytes
    create_revision: int
    version: int
    lease: int

    def key_value(self) -> KeyValue:
        return KeyValue(self.key, self.value, self.create_revision, revision_of(self.number), self.version, self.lease)

    def event(self, previous: KeyValue | None) -> Event:
        return Event(EventType.PUT if self.version else EventType.DELETE, self.key_value(), previous)


@dataclass(slots=True)
class Batch:
    """What becomes durable together, or not at all.  `purged` are numbers of rows that compaction has dropped."""

    rows: list[Row] = field(default_factory=list)
    granted: dict[int, int] = field(default_factory=dict)
    revoked: list[int] = field(default_factory=list)
    compact_revision: int | None = None
    purged: list[int] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.rows or self.granted or self.revoked or self.compact_revision or self.purged)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a log holds when it is opened; `versions` in the order they were written."""

    versions: list[tuple[bytes, Version]]
    leases: dict[int, int]
    compact_revision: int


class Log(Protocol):
    def load(self) -> Loaded: ...

    async def commit(self, batch: Batch) -> None:
        """Returns when all of it is durable; raises StoreUnavailableError when none of it is."""
        ...

    def value(self, key: bytes, number: int) -> bytes:
        """The value in a committed row; raises DamagedError."""
        ...

    def rows(self, first: int, end: int, limit: int) -> list[Row]:
        """Up to `limit` committed rows whose numbers are in [first, end); raises DamagedError."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Makes many reads cheaper; entered and left without an await between."""
        ...

    def status(self) -> StoreStatus: ...

    async def defragment(self) -> None: ...

    async def close(self) -> None: ...
