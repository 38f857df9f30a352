"""ReplicaSets and ReplicationControllers: as many pods as asked for, no matter what happens to them.

Applies what `replicas.plan` says, and waits until it has seen its own work before it counts again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kube.errors import ApiError
from master.controllers.context import POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import (
    Key,
    Object,
    controller_of,
    is_active,
    key_of,
    owner_reference,
    status_patch,
)
from master.controllers.podmaking import PodMaker, pod_from
from master.controllers.replicas import FLAVOURS, Flavour, Plan, plan, status


class Replicas:
    def __init__(self, context: Context, flavour: Flavour) -> None:
        self._context, self._client, self._flavour = context, context.client, flavour
        self._sets = context.informer(flavour.kind)
        self._maker = PodMaker(context, flavour.kind, flavour.component)
        self.loop = Loop(flavour.component, self.reconcile, lambda: list(self._sets.store), workers=8)
        self._sets.on_change(self._set_changed)
        self._maker.pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> float | None:
        owner = self._sets.store.get(key)
        if owner is None or not self._maker.has_seen(key):
            return None
        owned = self._maker.owned(owner)
        todo = plan(owner, self._flavour.selector(owner["spec"]), owned, self._maker.orphans(key[0]))
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
        await self._maker.delete_all(key, owner, list(todo.delete))
        pod = pod_from(owner, self._flavour.kind, owner["spec"]["template"])
        return await self._maker.create_all(key, owner, [pod] * todo.create)

    def _reference(self, owner: Object) -> Object:
        return owner_reference(self._flavour.kind, owner)

    async def _own(self, pod: Object, references: list[Object]) -> None:
        change = {"metadata": {"uid": pod["metadata"]["uid"], "ownerReferences": references or None}}
        await self._client.patch(POD, *key_of(pod), change)

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
