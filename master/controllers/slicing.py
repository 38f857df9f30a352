"""Writing EndpointSlices: what a plan says goes to the API, and what was done is expected until the informer shows it."""

from __future__ import annotations

import time

from kube.client import Client
from kube.errors import ApiError
from kube.informers import Informer
from master.controllers.endpoints import SLICE, SlicePlan
from master.controllers.expectations import Expectations
from master.controllers.objects import Key, Object, key_of


class SliceWriter:
    """One for each controller that makes slices; an owner is the key of what its slices are made for."""

    def __init__(self, client: Client, slices: Informer) -> None:
        self._client = client
        self._expected = Expectations(slices, time.monotonic)

    def is_current(self, owner: Key) -> bool:
        """Whether the informer shows all that was written for this owner."""
        return self._expected.satisfied(owner)

    async def write(self, owner: Key, plan: SlicePlan) -> None:
        for item in plan.create:
            made = await self._client.create(SLICE, owner[0], item)
            self._expected.created(owner, key_of(made), made["metadata"]["uid"])
        for item in plan.update:
            await self._client.update(SLICE, owner[0], item)
        for item in plan.delete:
            await self._delete(owner, item)

    async def _delete(self, owner: Key, item: Object) -> None:
        uid = item["metadata"]["uid"]
        try:
            await self._client.delete(SLICE, *key_of(item), uid=uid)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._expected.deleted(owner, key_of(item), uid)
