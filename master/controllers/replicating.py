"""ReplicaSets and ReplicationControllers: as many pods as asked for, no matter what happens to them.

Applies what `replicas.plan` says, and waits until it has seen its own work before it counts again.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.informers import Index
from master.controllers.context import POD, Context
from master.controllers.expectations import Expectations
from master.controllers.loop import Loop
from master.controllers.objects import (
    Key,
    Object,
    controller_of,
    controller_uid,
    is_active,
    key_of,
    owner_reference,
    status_patch,
)
from master.controllers.replicas import FLAVOURS, Flavour, Plan, plan, pod_from, status


def owners(pod: Object) -> list[tuple[str, str]]:
    """What pods are found by: their controller's uid, or their namespace where they have none."""
    uid = controller_uid(pod)
    return [("owner", uid)] if uid else [("orphan", pod["metadata"].get("namespace", ""))]


class Replicas:
    def __init__(self, context: Context, flavour: Flavour) -> None:
        self._context, self._client, self._flavour = context, context.client, flavour
        self._sets = context.informer(flavour.kind)
        self._pods = context.informer(POD)
        self._by_owner = Index(self._pods, owners)
        self._expected = Expectations(self._pods, time.monotonic)
        self._events = context.recorder(flavour.component)
        self.loop = Loop(flavour.component, self.reconcile, lambda: list(self._sets.store), workers=8)
        self._sets.on_change(self._set_changed)
        self._pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> float | None:
        owner = self._sets.store.get(key)
        if owner is None or not self._expected.satisfied(key):
            return None
        uid, selector = owner["metadata"]["uid"], self._flavour.selector(owner["spec"])
        owned = self._by_owner.get(("owner", uid))
        todo = plan(owner, selector, owned, self._by_owner.get(("orphan", key[0])))
        failure = await self._apply(key, owner, todo)
        released = {key_of(pod) for pod in todo.release}
        present = [pod for pod in [*owned, *todo.adopt] if key_of(pod) not in released]
        after, again = status(owner, self._flavour, present, failure, datetime.now(UTC))
        change = status_patch(owner.get("status") or {}, after)
        if change is not None:
            await self._client.patch(self._flavour.kind, *key, change, subresource="status")
        if failure:
            raise ApiError(500, "FailedCreate", failure)
        return again

    async def _apply(self, key: Key, owner: Object, todo: Plan) -> str:
        """Do what the plan says; the message of what kept pods from being made."""
        for pod in todo.adopt:
            await self._own(pod, [*(pod["metadata"].get("ownerReferences") or ()), self._reference(owner)])
        for pod in todo.release:
            others = [
                item for item in pod["metadata"].get("ownerReferences") or () if item["uid"] != owner["metadata"]["uid"]
            ]
            await self._own(pod, others)
        if todo.delete:
            await asyncio.gather(*(self._delete(key, owner, pod) for pod in todo.delete))
        return await self._create(key, owner, todo.create)

    def _reference(self, owner: Object) -> Object:
        return owner_reference(self._flavour.kind, owner)

    async def _own(self, pod: Object, references: list[Object]) -> None:
        change = {"metadata": {"uid": pod["metadata"]["uid"], "ownerReferences": references or None}}
        await self._client.patch(POD, *key_of(pod), change)

    async def _create(self, key: Key, owner: Object, missing: int) -> str:
        """Batches that double while they succeed: a template that is refused is not sent five hundred times."""
        pod, batch = pod_from(owner, self._flavour.kind, owner["spec"]["template"]), 1
        while missing > 0:
            size = min(batch, missing)
            refused = [
                answer
                for answer in await asyncio.gather(*(self._create_one(key, owner, pod) for _ in range(size)))
                if answer
            ]
            if refused:
                return refused[0]
            missing -= size
            batch *= 2
        return ""

    async def _create_one(self, key: Key, owner: Object, pod: Object) -> str:
        subject = about(self._flavour.kind, owner)
        try:
            made = await self._client.create(POD, key[0], pod)
        except ApiError as error:
            if any(cause.reason == "NamespaceTerminating" for cause in error.causes):
                return ""
            self._events.record(subject, WARNING, "FailedCreate", f"Error creating: {error.message}")
            return error.message
        meta = made["metadata"]
        self._expected.created(key, key_of(made), meta["uid"])
        self._events.record(subject, NORMAL, "SuccessfulCreate", f"Created pod: {meta['name']}")
        return ""

    async def _delete(self, key: Key, owner: Object, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        try:
            await self._client.delete(POD, *key_of(pod), uid=uid)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._expected.deleted(key, key_of(pod), uid)
        said = f"Deleted pod: {pod['metadata']['name']}"
        self._events.record(about(self._flavour.kind, owner), NORMAL, "SuccessfulDelete", said)

    def _set_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        self.loop.add(key_of(new or old or {}))

    def _pod_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for pod in filter(None, (old, new)):
            reference = controller_of(pod)
            namespace = pod["metadata"].get("namespace", "")
            if reference is None:
                if new is not None and is_active(new):
                    self._wake_matching(namespace, pod)
            elif reference["kind"] == self._flavour.kind.kind:
                self.loop.add((namespace, reference["name"]))

    def _wake_matching(self, namespace: str, pod: Object) -> None:
        """An orphan may be adopted by whoever's selector it matches."""
        labels = pod["metadata"].get("labels")
        if labels:
            for key, owner in self._sets.store.items():
                if key[0] == namespace and self._flavour.selector(owner["spec"]).matches(labels):
                    self.loop.add(key)


def build_replica_sets(context: Context) -> Loop:
    return Replicas(context, FLAVOURS[0]).loop


def build_replication_controllers(context: Context) -> Loop:
    return Replicas(context, FLAVOURS[1]).loop
