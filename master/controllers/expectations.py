"""What a controller did and has not yet seen: until it has, its view is behind and it must not count again.

`created` and `deleted` note an action after its answer; the informer's changes settle it.  What is never seen is
forgotten after `PATIENCE`, so that a lost event delays but does not block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from kube.informers import Informer
from master.controllers.objects import Key, Object, is_deleting

PATIENCE = 60.0


class Expectations:
    """One for each controller, over the informer of the objects it makes."""

    def __init__(self, informer: Informer, clock: Callable[[], float]) -> None:
        self._informer, self._clock = informer, clock
        self._waiting: dict[Hashable, dict[tuple[Key, str], float]] = {}
        self._owners: dict[tuple[Key, str], Hashable] = {}
        informer.on_change(self._seen)

    def created(self, owner: Hashable, key: Key, uid: str) -> None:
        if key not in self._informer.store:
            self._expect(owner, key, uid)

    def deleted(self, owner: Hashable, key: Key, uid: str) -> None:
        present = self._informer.store.get(key)
        if present is not None and present["metadata"].get("uid") == uid and not is_deleting(present):
            self._expect(owner, key, uid)

    def satisfied(self, owner: Hashable) -> bool:
        waiting = self._waiting.get(owner)
        if not waiting:
            return True
        late = self._clock() - PATIENCE
        for item in [item for item, since in waiting.items() if since < late]:
            self._settle(item)
        return owner not in self._waiting

    def _expect(self, owner: Hashable, key: Key, uid: str) -> None:
        self._waiting.setdefault(owner, {})[key, uid] = self._clock()
        self._owners[key, uid] = owner

    def _seen(self, _event: str, old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj is not None and self._owners:
            meta = obj["metadata"]
            self._settle(((meta.get("namespace", ""), meta["name"]), meta.get("uid", "")))

    def _settle(self, item: tuple[Key, str]) -> None:
        owner = self._owners.pop(item, None)
        if owner is not None:
            del self._waiting[owner][item]
            if not self._waiting[owner]:
                del self._waiting[owner]
