"""Endpoints written by hand, repeated as EndpointSlices: kept equal to what `mirrors` works out."""

from __future__ import annotations

import time

from kube.errors import ApiError
from kube.informers import Index
from master.controllers import mirrors
from master.controllers.context import Context
from master.controllers.endpoints import ENDPOINTS, MANAGED_BY, SERVICE, SERVICE_NAME, SLICE
from master.controllers.expectations import Expectations
from master.controllers.loop import Loop
from master.controllers.mirrors import MANAGER, Plan
from master.controllers.objects import Key, Object, key_of


def build(context: Context) -> Loop:
    return Mirroring(context).loop


class Mirroring:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._endpoints, self._services = context.informer(ENDPOINTS), context.informer(SERVICE)
        self._slices = context.informer(SLICE)
        self._mirrored = Index(self._slices, _repeated)
        self._expected = Expectations(self._slices, time.monotonic)
        self.loop = Loop("endpointslicemirroring-controller", self.reconcile, lambda: list(self._endpoints.store))
        self._endpoints.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._services.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._slices.on_change(self._slice_changed)

    async def reconcile(self, key: Key) -> None:
        if not self._expected.satisfied(key):
            return
        endpoints, present = self._endpoints.store.get(key), self._mirrored.get(key)
        if endpoints is not None and mirrors.is_mirrored(endpoints, self._services.store.get(key)):
            await self._apply(key, mirrors.plan(endpoints, present))
        else:
            await self._apply(key, Plan(delete=tuple(present)))

    async def _apply(self, key: Key, plan: Plan) -> None:
        for item in plan.create:
            made = await self._client.create(SLICE, key[0], item)
            self._expected.created(key, key_of(made), made["metadata"]["uid"])
        for item in plan.update:
            await self._client.update(SLICE, key[0], item)
        for item in plan.delete:
            await self._delete(key, item)

    async def _delete(self, key: Key, item: Object) -> None:
        uid = item["metadata"]["uid"]
        try:
            await self._client.delete(SLICE, *key_of(item), uid=uid)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._expected.deleted(key, key_of(item), uid)

    def _slice_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for item in filter(None, (old, new)):
            for key in _repeated(item):
                self.loop.add(key)


def _repeated(item: Object) -> list[Key]:
    """The Endpoints that a slice of ours repeats."""
    meta, labels = item["metadata"], item["metadata"].get("labels") or {}
    ours = labels.get(MANAGED_BY) == MANAGER and labels.get(SERVICE_NAME)
    return [(meta["namespace"], labels[SERVICE_NAME])] if ours else []
