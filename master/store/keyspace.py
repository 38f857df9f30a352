"""The keys and their revisions: the one place where the revision advances.

How it works: txns are staged one after another at `head`, each seeing those before it; readers see `revision`, the newest
committed one.  `commit` lets the readers catch up with what is staged, `take_back` forgets what the disk refused.
Values of staged rows are held here, and those of the rows before them as far as `RECENT_BYTES` go: what was just written
is most likely to be replaced next.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from master.store.contract import (
    CompactedError,
    DamagedError,
    FutureRevisionError,
    KeyValue,
    Range,
    RangeResult,
)
from master.store.index import Index, Version, revision_of
from master.store.log import Loaded, Log, Row
from master.store.spans import span

log = logging.getLogger(__name__)


RECENT_BYTES = 2 << 20

Found = tuple[bytes, Version]


class Selection(NamedTuple):
    """`total` of all that matched, and those of them that the limit leaves."""

    found: list[Found]
    more: bool
    total: int


def bare(found: Sequence[Found]) -> list[KeyValue]:
    """The keys without their values."""
    return [KeyValue(k, b"", v.create_revision, revision_of(v.row), v.version, v.lease) for k, v in found]


class Keyspace:
    def __init__(self, rows: Log, loaded: Loaded) -> None:
        self._rows = rows
        self._recent: dict[int, bytes] = {}
        self._recent_bytes = 0
        self._index = Index(loaded.versions)
        newest = revision_of(loaded.versions[-1][1].row) if loaded.versions else 1
        self.revision = self.head = max(newest, loaded.compact_revision)
        self.compact_revision = loaded.compact_revision

    def find(self, key: bytes, revision: int) -> Version | None:
        return self._index.at(key, revision)

    def kv(self, key: bytes, version: Version) -> KeyValue:
        row, created, number, lease = version
        value = self._recent.get(row)
        if value is None:
            value = self._rows.value(key, row)
        return KeyValue(key, value, created, revision_of(row), number, lease)

    def kvs(self, found: Sequence[Found]) -> list[KeyValue]:
        if len(found) < 2:
            return [self.kv(key, version) for key, version in found]
        with self._rows.snapshot():
            return [self.kv(key, version) for key, version in found]

    def replaced(self, key: bytes, version: Version | None) -> KeyValue | None:
        """The state that an event replaced: None when there was none, or when the disk has damaged it.

        A damaged row must not keep its key from being written or deleted.
        """
        if version is None:
            return None
        try:
            return self.kv(key, version)
        except DamagedError as error:
            log.error("previous state is lost: %s", error)
            return None

    def before(self, row: Row) -> KeyValue | None:
        return self.replaced(row.key, self._index.before(row.key, row.number))

    def select(self, query: Range, now: int) -> Selection:
        """What `query` finds at its revision, or at `now` (which staged txns set beyond the committed revision)."""
        if query.revision > now:
            raise FutureRevisionError(f"revision {query.revision} is in the future, the newest is {now}")
        if 0 < query.revision < self.compact_revision:
            raise CompactedError(self.compact_revision)
        found = list(self._index.within(span(query.key, query.end), query.revision or now))
        if query.count_only:
            return Selection([], False, len(found))
        more = 0 < query.limit < len(found)
        return Selection(found[: query.limit] if more else found, more, len(found))

    def read(self, query: Range, now: int) -> RangeResult:
        found, more, count = self.select(query, now)
        return RangeResult(bare(found) if query.keys_only else self.kvs(found), more, count, now)

    def stage(self, row: Row) -> None:
        self._recent[row.number] = row.value
        self._recent_bytes += len(row.value)
        self._index.append(row.key, Version(row.number, row.create_revision, row.version, row.lease))

    def advance(self) -> int:
        """All that was staged since the last call is one revision, which is now the head."""
        self.head += 1
        return self.head

    def unstage(self, rows: list[Row]) -> None:
        for row in reversed(rows):
            self._recent_bytes -= len(self._recent.pop(row.number))
            self._index.take_back(row.key)

    def commit(self) -> None:
        self.revision = self.head
        while self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= len(self._recent.pop(next(iter(self._recent))))

    def take_back(self, rows: list[Row]) -> None:
        """Forgets all staged rows, `rows`, and their revisions."""
        self.unstage(rows)
        self.head = self.revision

    def compact(self, revision: int) -> list[int]:
        """Returns the rows that nobody can read any more."""
        self.compact_revision = revision
        return self._index.compact(revision)
