"""Making and deleting the pods of an owner: with its events, and noted until they are seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from kube.errors import ApiError
from kube.events import NORMAL, WARNING, Recorder, about
from kube.kinds import Kind
from master.controllers.adopting import Dependents
from master.controllers.claiming import Matches
from master.controllers.context import POD, Context
from master.controllers.expectations import Expectations
from master.controllers.objects import Key, Object, key_of, owner_reference

Words = Callable[[str], str]


def pod_from(owner: Object, row: Kind, template: Object) -> Object:
    """A pod by the template, controlled by the owner, still without a name."""
    meta = template.get("metadata") or {}
    kept = {name: meta[name] for name in ("labels", "annotations", "finalizers") if meta.get(name)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": owner["metadata"]["name"] + "-",
            "ownerReferences": [owner_reference(row, owner)],
            **kept,
        },
        "spec": template.get("spec") or {},
    }


class PodMaker:
    """For one kind of owner; `created` and `deleted` word its events."""

    def __init__(
        self,
        context: Context,
        row: Kind,
        component: str,
        created: Words = lambda name: f"Created pod: {name}",
        deleted: Words = lambda name: f"Deleted pod: {name}",
    ) -> None:
        self.pods = context.informer(POD)
        self._row, self._client = row, context.client
        self._created, self._deleted = created, deleted
        self._events: Recorder = context.recorder(component)
        self._dependents = Dependents(context, row, self.pods)
        self._expected = Expectations(self.pods, time.monotonic)

    def owned(self, owner: Object) -> list[Object]:
        return self._dependents.of(owner)

    async def claim(self, owner: Object, matches: Matches, finalizer: str = "") -> list[Object]:
        """The owner's pods, as `Dependents.claim` says."""
        return await self._dependents.claim(owner, matches, finalizer)

    def has_seen(self, key: Key) -> bool:
        """Whether all that was done for the owner has come back: before, its pods cannot be counted."""
        return self._expected.satisfied(key)

    async def create_all(self, key: Key, owner: Object, pods: list[Object]) -> str:
        """Batches that double while they succeed: a template that is refused is not sent five hundred times."""
        batch = 1
        while pods:
            now, pods = pods[:batch], pods[batch:]
            answers = await asyncio.gather(*(self.create(key, owner, pod) for pod in now))
            if refused := next(filter(None, answers), ""):
                return refused
            batch *= 2
        return ""

    async def create(self, key: Key, owner: Object, pod: Object) -> str:
        """The message of a refusal; empty when the pod was made, or never will be as its namespace goes."""
        subject = about(self._row, owner)
        try:
            made = await self._client.create(POD, key[0], pod)
        except ApiError as error:
            if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
                return ""
            self._events.record(subject, WARNING, "FailedCreate", f"Error creating: {error.message}")
            return error.message
        meta = made["metadata"]
        self._expected.created(key, key_of(made), meta["uid"])
        self._events.record(subject, NORMAL, "SuccessfulCreate", self._created(meta["name"]))
        return ""

    async def delete(self, key: Key, owner: Object, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        try:
            await self._client.delete(POD, *key_of(pod), uid=uid)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._expected.deleted(key, key_of(pod), uid)
        said = self._deleted(pod["metadata"]["name"])
        self._events.record(about(self._row, owner), NORMAL, "SuccessfulDelete", said)

    async def delete_all(self, key: Key, owner: Object, pods: list[Object]) -> None:
        if pods:
            await asyncio.gather(*(self.delete(key, owner, pod) for pod in pods))
