"""Garbage collection: what has lost its owners goes; foreground deletion waits for dependents, orphaning lets them go.

How it works: informers over all kinds feed `ownership.Graph`; what an event may concern (the object, its dependents, owners
that wait for it) is queued by uid.  Before anything is deleted, the object and missing owners are asked for from the API.
Kinds that change by the year are listed now and then instead of watched: a watch is a connection.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from kube import kinds
from kube.errors import ApiError
from kube.kinds import BUILT_IN, Kind
from master.controllers.context import Context
from master.controllers.customkinds import CustomKinds
from master.controllers.loop import Loop
from master.controllers.objects import Object
from master.controllers.ownership import FOREGROUND, ORPHAN, Delete, Graph, Item, Owner, State, plan, read_item

RARELY = frozenset(
    (
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "node.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    )
)
"""Groups whose objects come and go with installations, not with workloads."""
REMEMBERED = 10_000


def collected(row: Kind) -> bool:
    """Stored kinds that can be listed and deleted; events go by age, and a second version of a kind is the same."""
    twice = (row.group, row.version) == ("autoscaling", "v1")
    return row.stored and {"list", "delete"} <= set(row.verbs) and row.kind != "Event" and not twice


def build(context: Context) -> Loop:
    return GarbageCollector(context).loop


class GarbageCollector:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._graph = Graph()
        self._absent: OrderedDict[str, None] = OrderedDict()
        self.loop = Loop("garbage-collector", self.reconcile, self._suspects, workers=8)
        for row in filter(collected, BUILT_IN):
            informer = context.listed(row) if row.group in RARELY else context.metadata(row)
            informer.on_change(partial(self._changed, row))
        self._customs = CustomKinds(context)
        self._customs.on_object(self._changed)

    def _suspects(self) -> list[str]:
        return [uid for uid, item in self._graph.items.items() if item.owners or item.deleting]

    async def reconcile(self, uid: str) -> None:
        item = self._graph.items.get(uid)
        if item is None:
            return
        if item.orphans_dependents:
            await self._orphan(item)
        elif item.waits_for_dependents:
            await self._finish_foreground(item)
        elif not item.deleting and not self._is_held(item):
            await self._judge(item)

    def _is_held(self, item: Item) -> bool:
        """The usual case, without asking anyone: every owner is known and stays."""
        found = [self._graph.find(owner, item.key[0]) for owner in item.owners]
        return all(owner is not None and not owner.waits_for_dependents for owner in found)

    async def _judge(self, item: Item) -> None:
        live = await self._live(item.kind, *item.key)
        if live is None or live["metadata"]["uid"] != item.uid:
            return
        item = read_item(item.kind, live)
        states = {owner.uid: await self._state(owner, item.key[0]) for owner in item.owners}
        decision = plan(item, lambda owner: states[owner.uid], self._graph.dependents(item.uid))
        if isinstance(decision, Delete):
            if decision.unblocks:
                live = await self._unblock(item, live["metadata"])
            await self._delete(item, decision.propagation, live["metadata"]["resourceVersion"])
        elif decision.drop:
            await self._drop_owners(item, set(decision.drop))

    async def _state(self, owner: Owner, namespace: str) -> State:
        known = self._graph.find(owner, namespace)
        if known is not None:
            return State.WAITING if known.waits_for_dependents else State.SOLID
        if owner.uid in self._absent:
            return State.ABSENT
        row = kinds.by_kind(owner.api_version, owner.kind) or self._customs.find(owner.api_version, owner.kind)
        if row is None:
            return State.SOLID
        live = await self._live(row, namespace, owner.name)
        if live is not None and live["metadata"]["uid"] == owner.uid:
            return State.WAITING if read_item(row, live).waits_for_dependents else State.SOLID
        self._remember_absent(owner.uid)
        return State.ABSENT

    async def _live(self, row: Kind, namespace: str, name: str) -> Object | None:
        if row.namespaced and not namespace:
            return None
        try:
            return await self._client.get(row, namespace if row.namespaced else "", name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _delete(self, item: Item, propagation: str, version: str) -> None:
        try:
            await self._client.delete(item.kind, *item.key, propagation=propagation, uid=item.uid, rv=version)
        except ApiError as error:
            if error.status != 404:
                raise

    async def _drop_owners(self, item: Item, uids: set[str]) -> None:
        live = await self._live(item.kind, *item.key)
        if live is None or live["metadata"]["uid"] != item.uid:
            return
        meta = live["metadata"]
        kept = [ref for ref in meta.get("ownerReferences") or () if ref["uid"] not in uids]
        if len(kept) != len(meta.get("ownerReferences") or ()):
            await self._patch_metadata(item, meta["resourceVersion"], {"ownerReferences": kept or None})

    async def _orphan(self, item: Item) -> None:
        for dependent in self._graph.dependents(item.uid):
            await self._drop_owners(dependent, {item.uid})
        await self._drop_finalizer(item, ORPHAN)

    async def _finish_foreground(self, item: Item) -> None:
        blocking = self._graph.blocking(item.uid)
        if not blocking:
            await self._drop_finalizer(item, FOREGROUND)
        for dependent in self._graph.dependents(item.uid):
            if not dependent.deleting:
                self.loop.add(dependent.uid)

    async def _drop_finalizer(self, item: Item, name: str) -> None:
        live = await self._live(item.kind, *item.key)
        if live is None or live["metadata"]["uid"] != item.uid:
            return
        meta = live["metadata"]
        kept = [finalizer for finalizer in meta.get("finalizers") or () if finalizer != name]
        await self._patch_metadata(item, meta["resourceVersion"], {"finalizers": kept or None})

    async def _unblock(self, item: Item, meta: Object) -> Object:
        owners = [{**reference, "blockOwnerDeletion": False} for reference in meta["ownerReferences"]]
        return await self._patch_metadata(item, meta["resourceVersion"], {"ownerReferences": owners})

    async def _patch_metadata(self, item: Item, version: str, change: Object) -> Object:
        patch = {"metadata": {"uid": item.uid, "resourceVersion": version, **change}}
        return await self._client.patch(item.kind, *item.key, patch)

    def _remember_absent(self, uid: str) -> None:
        self._absent[uid] = None
        if len(self._absent) > REMEMBERED:
            self._absent.popitem(last=False)

    def _changed(self, row: Kind, _event: str, old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
            self._gone(old["metadata"]["uid"])
        if new is not None:
            item = read_item(row, new)
            before = self._graph.items.get(item.uid)
            if item != before:
                self._graph.set(item)
                self._wake(item)

    def _gone(self, uid: str) -> None:
        item = self._graph.items.get(uid)
        dependents = self._graph.dependents(uid)
        self._graph.remove(uid)
        self._remember_absent(uid)
        for dependent in dependents:
            self.loop.add(dependent.uid)
        for owner in item.owners if item else ():
            above = self._graph.items.get(owner.uid)
            if above is not None and above.deleting:
                self.loop.add(above.uid)

    def _wake(self, item: Item) -> None:
        if item.deleting or not self._is_held(item):
            self.loop.add(item.uid)
        for owner in item.owners:
            above = self._graph.items.get(owner.uid)
            if above is not None and above.deleting:
                self.loop.add(above.uid)
