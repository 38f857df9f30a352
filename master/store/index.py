"""Which versions of which keys exist: etcd's tree index, without the values.

How it works: every key has a chain of versions, oldest first, and the keys are kept sorted.  A reader names the revision
it reads at and skips what is newer, so that versions can be appended ahead of what readers may see and taken back when
the disk refuses them.  Superseded versions and tombstones wait in `_garbage`, ordered by the revision from which a
compaction may drop them; so a compaction costs what it drops, not what is kept.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from master.store.spans import Span

POSITION_BITS = 20


def row_of(revision: int, position: int) -> int:
    """The number of a row in the log: its revision, then its position in that revision."""
    return revision << POSITION_BITS | position


def revision_of(row: int) -> int:
    return row >> POSITION_BITS


class Version(NamedTuple):
    """One state of a key; `version` 0 says that it was deleted here."""

    row: int
    create_revision: int
    version: int
    lease: int


class Index:
    def __init__(self, versions: Iterable[tuple[bytes, Version]] = ()) -> None:
        """With the `versions` of a log, in the order they were written; the keys are sorted once."""
        self._chains: dict[bytes, list[Version]] = {}
        self._garbage: deque[tuple[int, bytes]] = deque()
        for key, version in versions:
            self._link(key, version)
        self._keys = sorted(self._chains)

    def append(self, key: bytes, version: Version) -> None:
        if key not in self._chains:
            insort(self._keys, key)
        self._link(key, version)

    def _link(self, key: bytes, version: Version) -> None:
        revision = version.row >> POSITION_BITS
        chain = self._chains.get(key)
        if chain is None:
            self._chains[key] = [version]
        else:
            if chain[-1].version:
                self._garbage.append((revision, key))
            chain.append(version)
        if not version.version:
            self._garbage.append((revision + 1, key))

    def take_back(self, key: bytes) -> None:
        """Undoes the newest `append`, which was of `key`."""
        chain = self._chains[key]
        if not chain.pop().version:
            self._garbage.pop()
        if not chain:
            self._forget(key)
        elif chain[-1].version:
            self._garbage.pop()

    def at(self, key: bytes, revision: int) -> Version | None:
        """The key as it was at `revision`; None where it did not exist."""
        for version in reversed(self._chains.get(key, ())):
            if version.row >> POSITION_BITS <= revision:
                return version if version.version else None
        return None

    def before(self, key: bytes, row: int) -> Version | None:
        """What the version in `row` replaced; None where nothing existed or compaction has dropped it."""
        for version in reversed(self._chains.get(key, ())):
            if version.row < row:
                return version if version.version else None
        return None

    def within(self, span: Span, revision: int) -> Iterator[tuple[bytes, Version]]:
        low = bisect_left(self._keys, span.low)
        high = len(self._keys) if span.high is None else bisect_left(self._keys, span.high)
        for key in self._keys[low:high]:
            version = self.at(key, revision)
            if version is not None:
                yield key, version

    def compact(self, revision: int) -> list[int]:
        """Drops what nobody reading at `revision` or later can see; returns the dropped rows, oldest first.

        A key's rows go from its oldest on, so that a purge cut short never brings back what was deleted.
        """
        dropped: Counter[bytes] = Counter()
        while self._garbage and self._garbage[0][0] <= revision:
            dropped[self._garbage.popleft()[1]] += 1
        rows = []
        for key, count in dropped.items():
            chain = self._chains[key]
            rows += [version.row for version in chain[:count]]
            del chain[:count]
            if not chain:
                self._forget(key)
        return sorted(rows)

    def _forget(self, key: bytes) -> None:
        del self._chains[key]
        del self._keys[bisect_left(self._keys, key)]
