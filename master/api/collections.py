"""One kind's objects in memory: in the store's order, with the window of past changes and the watchers."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable

from kube.kinds import Kind
from master.api.entries import Entry, Shape, shape_of
from master.api.watchers import ADDED, DELETED, MODIFIED, Change, Watchers

WINDOW = 2000
"""Changes kept for each kind."""

Listener = Callable[[Change], None]


class Collection:
    """One kind's objects, ordered as the store orders their keys: by `namespace/name` or `name`.

    `order` holds the keys and `listed` their entries, side by side, so that a list is a slice of it.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.shape: Shape = shape_of(kind)
        self.prefix = kind.storage_prefix().encode()
        self.order: list[str] = []
        self.listed: list[Entry] = []
        self.entries: dict[str, Entry] = {}
        self.changes: deque[Change] = deque()
        self.floor = 0
        self.newest = 0
        self.watchers = Watchers(kind)
        self.listeners: list[Listener] = []

    def become(self, kind: Kind) -> None:
        """The kind as its definition says it now; entries keep the form they were made in."""
        self.kind = kind
        self.shape = shape_of(kind)

    def fill(self, entries: Iterable[Entry]) -> None:
        """Hold these and nothing else."""
        self.entries = {entry.key: entry for entry in entries}
        self.order = sorted(self.entries)
        self.listed = [self.entries[key] for key in self.order]

    def find(self, namespace: str, name: str) -> Entry | None:
        return self.entries.get(f"{namespace}/{name}" if self.kind.namespaced else name)

    def slice(self, namespace: str = "", start: str = "", most: int = 0) -> tuple[list[Entry], int]:
        """The entries of a namespace (empty: of all) from the key `start` on, in order, and how many there are.

        No more than `most` of them are given; 0 is all.
        """
        order = self.order
        low, high = bisect_left(order, start) if start else 0, len(order)
        if namespace and self.kind.namespaced:
            low = bisect_left(order, max(start, namespace + "/"))
            high = bisect_left(order, namespace + "0")  # "0" follows "/"
        end = min(high, low + most) if most else high
        return self.listed[low:end], max(0, high - low)

    def since(self, revision: int) -> list[Change] | None:
        """The changes after `revision`, oldest first; None when some of them are forgotten."""
        if revision < self.floor:
            return None
        newer: list[Change] = []
        for change in reversed(self.changes):
            if change.revision <= revision:
                break
            newer.append(change)
        newer.reverse()
        return newer

    def unchanged_since(self, revision: int) -> bool:
        return revision >= self.newest

    def put(self, entry: Entry) -> Change:
        key = entry.key
        old = self.entries.get(key)
        at = bisect_left(self.order, key)
        if old is None:
            self.order.insert(at, key)
            self.listed.insert(at, entry)
        else:
            self.listed[at] = entry
        self.entries[key] = entry
        return Change(MODIFIED if old else ADDED, entry, old)

    def drop(self, key: str, revision: int) -> Change | None:
        old = self.entries.pop(key, None)
        if old is None:
            return None
        at = bisect_left(self.order, key)
        del self.order[at], self.listed[at]
        return Change(DELETED, old.at(revision), old)

    def remember(self, change: Change) -> None:
        self.changes.append(change)
        self.newest = change.revision
        if len(self.changes) > WINDOW:
            self.floor = self.changes.popleft().revision
