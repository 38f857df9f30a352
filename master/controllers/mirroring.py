"""Endpoints written by hand, repeated as EndpointSlices: kept equal to what `mirrors` works out."""

from __future__ import annotations

from kube.informers import Index
from master.controllers import mirrors
from master.controllers.context import Context
from master.controllers.endpoints import ENDPOINTS, MANAGED_BY, SERVICE, SERVICE_NAME, SLICE, SlicePlan
from master.controllers.loop import Loop
from master.controllers.mirrors import MANAGER
from master.controllers.objects import Key, Object, key_of
from master.controllers.slicing import SliceWriter


def build(context: Context) -> Loop:
    return Mirroring(context).loop


class Mirroring:
    def __init__(self, context: Context) -> None:
        self._endpoints, self._services = context.informer(ENDPOINTS), context.informer(SERVICE)
        self._slices = context.informer(SLICE)
        self._mirrored = Index(self._slices, _repeated)
        self._writer = SliceWriter(context.client, self._slices)
        self.loop = Loop("endpointslicemirroring-controller", self.reconcile, lambda: list(self._endpoints.store))
        self._endpoints.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._services.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._slices.on_change(self._slice_changed)

    async def reconcile(self, key: Key) -> None:
        if not self._writer.is_current(key):
            return
        endpoints, present = self._endpoints.store.get(key), self._mirrored.get(key)
        if endpoints is not None and mirrors.is_mirrored(endpoints, self._services.store.get(key)):
            await self._writer.write(key, mirrors.plan(endpoints, present))
        else:
            await self._writer.write(key, SlicePlan(delete=tuple(present)))

    def _slice_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for item in filter(None, (old, new)):
            for key in _repeated(item):
                self.loop.add(key)


def _repeated(item: Object) -> list[Key]:
    """The Endpoints that a slice of ours repeats."""
    meta, labels = item["metadata"], item["metadata"].get("labels") or {}
    ours = labels.get(MANAGED_BY) == MANAGER and labels.get(SERVICE_NAME)
    return [(meta["namespace"], labels[SERVICE_NAME])] if ours else []
