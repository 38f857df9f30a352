"""Quotas, counted anew: what has been given back is seen here; what is taken, admission counts at once.

How it works: a deletion, a pod that ends or a changed quota wakes the quotas of its namespace.  The count is written only if
nothing was charged since the quota was read: it is read first, then writes under way get a moment to land, then the objects are
listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

import orjson

from kube import quotas
from kube.errors import ApiError
from kube.kinds import BUILT_IN, Kind, known
from kube.quotas import CLASS_MARK, NAMED_COUNTS, ZERO, Amounts
from master.controllers.context import POD, Context
from master.controllers.customkinds import CustomKinds
from master.controllers.garbage import RARELY, collected
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_ended, key_of

QUOTA = known("v1", "ResourceQuota")
SERVICE, CLAIM = known("v1", "Service"), known("v1", "PersistentVolumeClaim")
PERIOD = 300.0
LANDING = 0.3
"""Seconds from the count of a create to its object in the store, with room."""


def counted(name: str) -> str:
    """The kind, as PLURAL.GROUP, whose objects a resource of a quota counts."""
    if name.startswith("count/"):
        return name.removeprefix("count/")
    if name in NAMED_COUNTS:
        return name
    if name.startswith("services."):
        return SERVICE.qualified
    if name == "requests.storage" or CLASS_MARK in name:
        return CLAIM.qualified
    return POD.qualified


def used(quota: Object, found: Iterable[tuple[Kind, Object]]) -> Amounts:
    """What these objects come to, for every resource that the quota bounds."""
    amounts = quotas.total(quotas.usage(kind, obj) for kind, obj in found if quotas.covers(quota, kind, obj))
    return {name: amounts.get(name, ZERO) for name in quota["spec"].get("hard") or {}}


def build(context: Context) -> Loop:
    return QuotaController(context).loop


class QuotaController:
    def __init__(self, context: Context, pause: Callable[[float], Any] = asyncio.sleep) -> None:
        self._client, self._pause = context.client, pause
        self._quotas = context.informer(QUOTA)
        self.loop = Loop("resource-quota", self.reconcile, lambda: list(self._quotas.store), period=PERIOD)
        self._quotas.on_change(self._quota_changed)
        for row in filter(collected, BUILT_IN):
            if row.namespaced and row is not QUOTA and row.group not in RARELY:
                context.metadata(row).on_change(partial(self._object_changed, row))
        CustomKinds(context).on_object(self._object_changed)

    def _quota_changed(self, _type: str, _old: Object | None, new: Object | None) -> None:
        if new is not None and new["spec"].get("hard") != (new.get("status") or {}).get("hard"):
            self.loop.add(key_of(new))

    def _object_changed(self, row: Kind, type_: str, old: Object | None, new: Object | None) -> None:
        obj = new or old
        if not self._quotas.store or obj is None:
            return
        ended = row is POD and new is not None and is_ended(new) and not (old and is_ended(old))
        if type_ == "DELETED" or ended:
            namespace = obj["metadata"].get("namespace", "")
            for key in self._quotas.store:
                if key[0] == namespace:
                    self.loop.add(key)

    async def reconcile(self, key: Key) -> None:
        if key not in self._quotas.store:
            return
        quota = await self._client.get(QUOTA, *key)
        await self._pause(LANDING)
        found = [pair async for pair in self._objects(quota, key[0])]
        amounts = used(quota, found)
        status = {"hard": quota["spec"].get("hard") or {}, "used": {name: str(each) for name, each in amounts.items()}}
        if status != quota.get("status"):
            await self._client.update(QUOTA, key[0], {**quota, "status": status}, subresource="status")

    async def _objects(self, quota: Object, namespace: str) -> AsyncIterator[tuple[Kind, Object]]:
        for qualified in sorted({counted(name) for name in quota["spec"].get("hard") or {}}):
            kind = await self._kind(qualified)
            if kind is None:
                continue
            for obj in (await self._client.list(kind, namespace))[0]:
                yield kind, obj

    async def _kind(self, qualified: str) -> Kind | None:
        """A kind by its name; one that no table has is asked for from the API, and may not be there."""
        built_in = BY_NAME.get(qualified)
        if built_in is not None:
            return built_in
        plural, _, group = qualified.partition(".")
        try:
            versions = orjson.loads(await self._client.raw("GET", f"/apis/{group}"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        version = versions["preferredVersion"]["version"]
        resources = orjson.loads(await self._client.raw("GET", f"/apis/{group}/{version}"))["resources"]
        for row in resources:
            if row["name"] == plural and row["namespaced"]:
                return Kind(group, version, row["kind"], plural)
        return None


BY_NAME = {row.qualified: row for row in BUILT_IN if row.stored and row.namespaced}
