"""The life of definitions: each is named and established soon after it came, and emptied before it goes.

One task looks at a definition whenever it, or what it waits for, has changed; what it does is right however often it is
done, and by however many masters at once.
"""

from __future__ import annotations

from typing import Any

from kube import times
from kube.errors import ApiError
from kube.kinds import Kind
from master.api.customs.definitions import DEFINITION, ESTABLISHED, holds, stored_kind
from master.api.customs.ending import IN_PROGRESS, is_ending, release, say
from master.api.customs.naming import named_status
from master.api.options import Deletion, Writing
from master.api.registry import Registry
from master.api.settling import Settling
from master.api.watchers import DELETED, Change

Object = dict[str, Any]
OWN = Writing(manager="kube-apiserver")


class Living:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._cache = registry.cache
        self._settling = Settling("definitions", self._settle)
        self._emptying: set[str] = set()
        self._cache.listen(DEFINITION, self._changed)
        self._cache.reloaded.append(self._wake_all)
        self._wake_all()

    def _changed(self, change: Change) -> None:
        if change.type == DELETED:
            self._emptying.discard(change.entry.name)
            self._wake_all()  # its names are free
        else:
            self._wake(change.entry.name)

    def _wake(self, name: str) -> None:
        self._settling.wake(name)

    def _wake_all(self) -> None:
        for definition in self._cache.list(DEFINITION):
            self._wake(definition["metadata"]["name"])

    async def run(self) -> None:
        await self._settling.run()

    async def _settle(self, name: str) -> None:
        definition = self._cache.get(DEFINITION, "", name)
        if definition is None:
            return
        if is_ending(definition):
            await self._end(name, definition)
        else:
            await self._name(name, definition)

    async def _name(self, name: str, definition: Object) -> None:
        status = self._named(definition)
        if status == definition.get("status"):
            return

        def change(old: Object | None) -> Object:
            return {**(old or {}), "status": self._named(old or {})}

        await self._registry.update(DEFINITION, "", name, change, OWN, "status")

    def _named(self, definition: Object) -> Object:
        name = definition["metadata"]["name"]
        others = [one for one in self._cache.list(DEFINITION) if one["metadata"]["name"] != name]
        return named_status(definition, others, times.now())

    # The end

    async def _end(self, name: str, definition: Object) -> None:
        if holds(definition, ESTABLISHED) and not await self._emptied(name, definition):
            return
        await self._registry.rewrite(DEFINITION, "", name, lambda obj: release(obj, times.now()))

    async def _emptied(self, name: str, definition: Object) -> bool:
        """Whether no object is left; those that are, are asked to go."""
        kind = stored_kind(definition)
        collection = self._cache.collection(kind)
        if not collection.entries:
            return True
        if name not in self._emptying:
            self._emptying.add(name)
            self._cache.listen(kind, lambda _change: self._wake(name))
            await self._registry.rewrite(DEFINITION, "", name, lambda obj: say(obj, IN_PROGRESS, times.now()))
        for entry in list(collection.entries.values()):
            if b'"deletionTimestamp":' not in entry.tail:
                await self._delete(kind, entry.namespace, entry.name)
        await self._cache.fresh()
        return not collection.entries

    async def _delete(self, kind: Kind, namespace: str, name: str) -> None:
        try:
            await self._registry.delete(kind, namespace, name, Deletion(), OWN)
        except ApiError as error:
            if error.status != 404:
                raise
