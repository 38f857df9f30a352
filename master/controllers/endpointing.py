"""EndpointSlices and Endpoints: kept equal to what `endpoints` works out for every Service with a selector.

A Service without a selector is its owner's to fill; what this controller once made for it goes.
"""

from __future__ import annotations

from collections.abc import Hashable

from kube import selectors
from kube.informers import Index
from master.controllers import endpoints
from master.controllers.context import NODE, POD, Context
from master.controllers.endpoints import ENDPOINTS, SERVICE, SLICE
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, key_of
from master.controllers.slicing import SliceWriter

GATHERING = 0.02
"""Seconds that changes of pods are gathered, so that a burst costs one write."""


def build(context: Context) -> Loop:
    return Endpointing(context).loop


class Endpointing:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._services, self._pods = context.informer(SERVICE), context.informer(POD)
        self._nodes, self._slices = context.informer(NODE), context.informer(SLICE)
        self._legacy = context.informer(ENDPOINTS)
        self._services_in = Index(self._services, lambda service: [service["metadata"]["namespace"]])
        self._pods_by_label = Index(self._pods, _labels)
        self._slices_of = Index(self._slices, _service)
        self._writer = SliceWriter(context.client, self._slices)
        self.loop = Loop("endpointslice-controller", self.reconcile, lambda: list(self._services.store))
        self._services.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._pods.on_change(self._pod_changed)
        self._slices.on_change(self._slice_changed)

    async def reconcile(self, key: Key) -> None:
        service = self._services.store.get(key)
        if service is None or is_deleting(service) or service["spec"].get("type") == "ExternalName":
            await self._drop(key)
            return
        if not service["spec"].get("selector") or not self._writer.is_current(key):
            return
        pods = self._selected(key[0], service["spec"]["selector"])
        plan = endpoints.slices(service, pods, self._zones(pods), self._managed(key))
        await self._writer.write(key, plan)
        await self._write_legacy(key, endpoints.legacy(service, pods))

    def _selected(self, namespace: str, selector: dict[str, str]) -> list[Object]:
        matches = selectors.from_labels(selector).matches
        first = next(iter(selector.items()))
        candidates = self._pods_by_label.get((namespace, *first))
        return [pod for pod in candidates if matches(pod["metadata"].get("labels"))]

    def _zones(self, pods: list[Object]) -> dict[str, str]:
        names = {pod["spec"].get("nodeName", "") for pod in pods}
        nodes = {name: self._nodes.store.get(("", name)) for name in names}
        labels = {name: (node["metadata"].get("labels") or {}) for name, node in nodes.items() if node}
        return {name: found[endpoints.ZONE] for name, found in labels.items() if endpoints.ZONE in found}

    def _managed(self, key: Key) -> list[Object]:
        return [
            item
            for item in self._slices_of.get(key)
            if item["metadata"]["labels"].get(endpoints.MANAGED_BY) == endpoints.MANAGER
        ]

    async def _write_legacy(self, key: Key, wanted: Object) -> None:
        present = self._legacy.store.get(key)
        if present is None:
            await self._client.create(ENDPOINTS, key[0], wanted)
        elif present.get("subsets") != wanted.get("subsets") or (
            (present["metadata"].get("labels") or {}) != wanted["metadata"]["labels"]
        ):
            wanted["metadata"]["resourceVersion"] = present["metadata"]["resourceVersion"]
            await self._client.update(ENDPOINTS, key[0], wanted)

    async def _drop(self, key: Key) -> None:
        await self._writer.write(key, endpoints.SlicePlan(delete=tuple(self._managed(key))))
        present = self._legacy.store.get(key)
        managed = (present or {}).get("metadata", {}).get("labels") or {}
        if present is not None and managed.get("endpoints.kubernetes.io/managed-by") == "endpoint-controller":
            await self._client.delete(ENDPOINTS, *key)

    def _pod_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for pod in filter(None, (old, new)):
            labels = pod["metadata"].get("labels")
            if labels:
                for service in self._services_in.get(pod["metadata"]["namespace"]):
                    selector = service["spec"].get("selector")
                    if selector and selector.items() <= labels.items():
                        self.loop.add_after(key_of(service), GATHERING)

    def _slice_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for item in filter(None, (old, new)):
            for key in _service(item):
                self.loop.add_after(key, GATHERING)


def _labels(pod: Object) -> list[Hashable]:
    meta = pod["metadata"]
    return [(meta["namespace"], name, value) for name, value in (meta.get("labels") or {}).items()]


def _service(item: Object) -> list[Key]:
    meta = item["metadata"]
    name = (meta.get("labels") or {}).get(endpoints.SERVICE_NAME)
    return [(meta["namespace"], name)] if name else []
