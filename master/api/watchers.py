"""Open watches: which of them a change concerns, and what each sees of it.

How it works: a watcher lies in exactly one bucket of its kind, the narrowest its scope allows (one name, one node, one
namespace, all), so a change meets only the watchers it may concern.  What selectors make of a change is decided from
the attributes of the object before and after: entering the selection is ADDED, leaving it DELETED.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from kube.kinds import Kind
from kube.selectors import IN, LabelSelector
from master.api.entries import Entry
from master.api.fields import INDEXED, fields_of

ADDED, MODIFIED, DELETED, BOOKMARK = "ADDED", "MODIFIED", "DELETED", "BOOKMARK"

Bucket = tuple[str, str, str]
"""(namespace, name, node), each empty where the watch spans all."""


@dataclass(slots=True, eq=False)
class Change:
    """One write as the cache saw it; `entry` of a deletion is the last state, under the deletion's revision.

    `frames` is scratch of those being told: what one has encoded the next need not encode again.
    """

    type: str
    entry: Entry
    old: Entry | None
    frames: dict[Hashable, bytes] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        return self.entry.revision


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """`index` into an entry's fields; -1 is the name, -2 the namespace."""

    index: int
    value: str
    equal: bool

    def matches(self, entry: Entry) -> bool:
        if self.index >= 0:
            found = entry.fields[self.index]
        else:
            found = entry.name if self.index == -1 else entry.namespace
        return (found == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or a watch selects within its namespace."""

    labels: LabelSelector | None = None
    fields: tuple[FieldRequirement, ...] = ()

    @property
    def everything(self) -> bool:
        return self.labels is None and not self.fields

    def matches(self, entry: Entry) -> bool:
        if self.labels is not None and not self.labels.matches(entry.labels):
            return False
        return not self.fields or all(requirement.matches(entry) for requirement in self.fields)

    def of(self, entries: list[Entry]) -> list[Entry]:
        """Those of the entries that are selected; the commonest question, one label's value, is asked in one sweep."""
        if self.everything:
            return entries
        requirements = () if self.labels is None else self.labels.requirements
        if not self.fields and len(requirements) == 1 and requirements[0].operator == IN:
            key, values = requirements[0].key, requirements[0].values
            return [entry for entry in entries if entry.labels.get(key) in values]
        return [entry for entry in entries if self.matches(entry)]


ALL = Selection()


def bucket_of(kind: Kind, namespace: str, selection: Selection) -> Bucket:
    """The narrowest bucket that holds every change this selection can see."""
    name = node = ""
    for requirement in selection.fields:
        if not requirement.equal or not requirement.value:
            continue
        if requirement.index == -1:
            name = requirement.value
        elif requirement.index == 0 and (kind.group, kind.kind) == INDEXED:
            node = requirement.value
    if name:
        return (namespace, name, "")
    return ("", "", node) if node else (namespace, "", "")


def see(selection: Selection, namespace: str, change: Change) -> tuple[str, Entry] | None:
    """The event a watcher of this selection gets of the change; None when it does not concern it."""
    entry, old = change.entry, change.old
    if namespace and entry.namespace != namespace:
        return None
    if selection.everything:
        return change.type, entry
    now = change.type != DELETED and selection.matches(entry)
    before = old is not None and selection.matches(old)
    if now:
        return (MODIFIED if before else ADDED), entry
    if before and old is not None:
        return DELETED, old.at(change.revision)
    return None


class Watcher(Protocol):
    """Who is told; neither method may wait or raise."""

    bucket: Bucket

    def deliver(self, change: Change) -> None: ...
    def lost(self) -> None:
        """Changes were missed: the watch has to end."""
        ...


class Watchers:
    """The watchers of one kind, by bucket."""

    def __init__(self, kind: Kind) -> None:
        self._by_node = bool(fields_of(kind)) and (kind.group, kind.kind) == INDEXED
        self._buckets: defaultdict[Bucket, set[Watcher]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._buckets.values())

    def __iter__(self) -> Iterator[Watcher]:
        return iter([watcher for bucket in self._buckets.values() for watcher in bucket])

    def add(self, watcher: Watcher) -> None:
        self._buckets[watcher.bucket].add(watcher)

    def discard(self, watcher: Watcher) -> None:
        bucket = self._buckets.get(watcher.bucket)
        if bucket is not None:
            bucket.discard(watcher)
            if not bucket:
                del self._buckets[watcher.bucket]

    def tell(self, change: Change) -> None:
        if not self._buckets:
            return
        for bucket in self._concerned(change):
            for watcher in list(self._buckets.get(bucket, ())):
                watcher.deliver(change)
        change.frames.clear()

    def _concerned(self, change: Change) -> list[Bucket]:
        entry = change.entry
        name, namespace = entry.name, entry.namespace
        buckets = [("", "", ""), ("", name, "")]
        if namespace:
            buckets += [(namespace, "", ""), (namespace, name, "")]
        if self._by_node:
            nodes = {entry.fields[0], change.old.fields[0] if change.old else ""} - {""}
            buckets += [("", "", node) for node in nodes]
        return buckets
