"""The keys and their revisions: the one place where the revision advances.

How it works: txns are staged one after another at `head`, each seeing those before it; readers see `revision`, the newest
committed one.  `commit` lets the readers catch up with what is staged, `take_back` forgets what the disk refused.
"""

from __future__ import annotations

import logging

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


class Keyspace:
    def __init__(self, rows: Log, loaded: Loaded) -> None:
        self._rows = rows
        self._staged: dict[int, bytes] = {}
        self._index = Index()
        for key, version in loaded.versions:
            self._index.append(key, version)
        newest = revision_of(loaded.versions[-1][1].row) if loaded.versions else 1
        self.revision = self.head = max(newest, loaded.compact_revision)
        self.compact_revision = loaded.compact_revision

    def find(self, key: bytes, revision: int) -> Version | None:
        return self._index.at(key, revision)

    def kv(self, key: bytes, version: Version) -> KeyValue:
        row, created, number, lease = version
        value = self._staged.get(row)
        if value is None:
            value = self._rows.value(key, row)
        return KeyValue(key, value, created, revision_of(row), number, lease)

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

    def read(self, query: Range, now: int) -> RangeResult:
        """Answers at `query.revision`, or at `now` (which staged txns set beyond the committed revision)."""
        if query.revision > now:
            raise FutureRevisionError(f"revision {query.revision} is in the future, the newest is {now}")
        if 0 < query.revision < self.compact_revision:
            raise CompactedError(self.compact_revision)
        found = list(self._index.within(span(query.key, query.end), query.revision or now))
        more = 0 < query.limit < len(found)
        if query.count_only:
            return RangeResult([], False, len(found), now)
        chosen = found[: query.limit] if more else found
        if query.keys_only:
            kvs = [KeyValue(k, b"", v.create_revision, revision_of(v.row), v.version, v.lease) for k, v in chosen]
        else:
            kvs = [self.kv(key, version) for key, version in chosen]
        return RangeResult(kvs, more, len(found), now)

    def stage(self, row: Row) -> None:
        self._staged[row.number] = row.value
        self._index.append(row.key, Version(row.number, row.create_revision, row.version, row.lease))

    def advance(self) -> int:
        """All that was staged since the last call is one revision, which is now the head."""
        self.head += 1
        return self.head

    def unstage(self, rows: list[Row]) -> None:
        for row in reversed(rows):
            del self._staged[row.number]
            self._index.take_back(row.key)

    def commit(self) -> None:
        self._staged.clear()
        self.revision = self.head

    def take_back(self, rows: list[Row]) -> None:
        """Forgets all staged rows, `rows`, and their revisions."""
        self.unstage(rows)
        self.head = self.revision

    def compact(self, revision: int) -> list[int]:
        """Returns the rows that nobody can read any more."""
        self.compact_revision = revision
        return self._index.compact(revision)
