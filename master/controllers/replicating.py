"""ReplicaSets and ReplicationControllers: as many pods as asked for, no matter what happens to them.

Applies what `replicas.plan` says, and waits until it has seen its own work before it counts again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kube.errors import ApiError
from kube.selectors import LabelSelector
from master.controllers.claiming import by_labels, wakes
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, key_of, status_patch
from master.controllers.podmaking import PodMaker, pod_from
from master.controllers.replicas import FLAVOURS, Flavour, plan, status


class Replicas:
    def __init__(self, context: Context, flavour: Flavour) -> None:
        self._context, self._client, self._flavour = context, context.client, flavour
        self._sets = context.informer(flavour.kind)
        self._maker = PodMaker(context, flavour.kind, flavour.component)
        self.loop = Loop(flavour.component, self.reconcile, lambda: list(self._sets.store), workers=8)
        self._sets.on_change(self._set_changed)
        self._maker.pods.on_change(wakes(flavour.kind, self._sets, self._selector, self.loop.add))

    async def reconcile(self, key: Key) -> float | None:
        owner = self._sets.store.get(key)
        if owner is None or not self._maker.has_seen(key):
            return None
        pods = await self._maker.claim(owner, by_labels(self._selector(owner)))
        todo = plan(owner, pods)
        await self._maker.delete_all(key, owner, list(todo.delete))
        pod = pod_from(owner, self._flavour.kind, owner["spec"]["template"])
        failure = await self._maker.create_all(key, owner, [pod] * todo.create)
        after, again = status(owner, self._flavour, pods, failure, datetime.now(UTC))
        change = status_patch(owner.get("status") or {}, after)
        if change is not None:
            await self._client.patch(self._flavour.kind, *key, change, subresource="status")
        if failure:
            raise ApiError(500, "FailedCreate", failure)
        return again

    def _selector(self, owner: Object) -> LabelSelector:
        return self._flavour.selector(owner["spec"])

    def _set_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        self.loop.add(key_of(new or old or {}))


def build_replica_sets(context: Context) -> Loop:
    return Replicas(context, FLAVOURS[0]).loop


def build_replication_controllers(context: Context) -> Loop:
    return Replicas(context, FLAVOURS[1]).loop
