"""Who owns whom: the graph of ownerReferences over all kinds, and what garbage collection should do about one object.

Pure.  The graph is kept object by object; one object's turn looks at its owners or its dependents, never at the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from kube.kinds import Kind
from master.controllers.objects import Key, Object, key_of

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Owner(NamedTuple):
    uid: str
    api_version: str
    kind: str
    name: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One object, as far as ownership goes."""

    kind: Kind
    key: Key
    uid: str
    owners: tuple[Owner, ...] = ()
    deleting: bool = False
    finalizers: tuple[str, ...] = ()

    @property
    def waits_for_dependents(self) -> bool:
        return self.deleting and FOREGROUND in self.finalizers

    @property
    def orphans_dependents(self) -> bool:
        return self.deleting and ORPHAN in self.finalizers


class State(Enum):
    """What an owner reference points to."""

    SOLID = "an owner that is there"
    WAITING = "an owner that goes once its dependents are gone"
    ABSENT = "nothing"


class Keep(NamedTuple):
    """The object stays; references to the uids go."""

    drop: tuple[str, ...] = ()


class Delete(NamedTuple):
    """The object goes.  `unblocks`: it no longer holds up its owners, being above one of them as well as below."""

    propagation: str
    unblocks: bool = False


def read_item(row: Kind, obj: Object) -> Item:
    meta = obj["metadata"]
    owners = tuple(
        Owner(ref["uid"], ref["apiVersion"], ref["kind"], ref["name"], bool(ref.get("blockOwnerDeletion")))
        for ref in meta.get("ownerReferences") or ()
    )
    return Item(
        row, key_of(obj), meta["uid"], owners, bool(meta.get("deletionTimestamp")), tuple(meta.get("finalizers") or ())
    )


class Graph:
    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._dependents: dict[str, set[str]] = {}

    def set(self, item: Item) -> None:
        self.remove(item.uid)
        self.items[item.uid] = item
        for owner in item.owners:
            self._dependents.setdefault(owner.uid, set()).add(item.uid)

    def remove(self, uid: str) -> None:
        item = self.items.pop(uid, None)
        for owner in item.owners if item else ():
            siblings = self._dependents.get(owner.uid)
            if siblings is not None:
                siblings.discard(uid)
                if not siblings:
                    del self._dependents[owner.uid]

    def dependents(self, uid: str) -> list[Item]:
        return [self.items[other] for other in self._dependents.get(uid, ())]

    def blocking(self, uid: str) -> list[Item]:
        """Dependents that their owner's foreground deletion waits for."""
        return [
            item for item in self.dependents(uid) if any(owner.uid == uid and owner.blocks for owner in item.owners)
        ]

    def find(self, owner: Owner, namespace: str) -> Item | None:
        """The owner a reference from this namespace means: a namespaced one must lie in the same."""
        item = self.items.get(owner.uid)
        if item is None or (item.kind.namespaced and item.key[0] != namespace):
            return None
        return item


def plan(item: Item, state_of: Callable[[Owner], State], dependents: Sequence[Item]) -> Keep | Delete:
    """An object goes when none of its owners is left to keep it; dependents in foreground deletion may be a circle."""
    if not item.owners or item.deleting:
        return Keep()
    states = [(owner, state_of(owner)) for owner in item.owners]
    if any(state is State.SOLID for _, state in states):
        return Keep(tuple(owner.uid for owner, state in states if state is not State.SOLID))
    if dependents and any(state is State.WAITING for _, state in states):
        return Delete("Foreground", any(dependent.waits_for_dependents for dependent in dependents))
    return Delete(_propagation(item.finalizers))


def _propagation(finalizers: Iterable[str]) -> str:
    """An object may have said already what is to become of its own dependents."""
    wanted = set(finalizers)
    if ORPHAN in wanted:
        return "Orphan"
    return "Foreground" if FOREGROUND in wanted else "Background"
