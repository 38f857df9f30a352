"""Deployments: a ReplicaSet for each template, sized step by step; revisions kept, so that a rollout can be undone.

One reconcile does one step (create the new ReplicaSet, size some, clean up) and writes the status; what the step causes
wakes it again.  Sizes are written with the resourceVersion they were computed from, so an old view changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.informers import Index
from master.controllers import deployment_status, rollouts
from master.controllers.adopting import Dependents, owners
from master.controllers.claiming import by_labels, selector_of
from master.controllers.context import POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import (
    Key,
    Object,
    condition,
    controller_of,
    controller_uid,
    is_deleting,
    is_ended,
    key_of,
    kind,
    owner_reference,
    status_patch,
)

DEPLOYMENT = kind("apps/v1", "Deployment")
REPLICA_SET = kind("apps/v1", "ReplicaSet")
COMPONENT = "deployment-controller"


def build(context: Context) -> Loop:
    return Deployments(context).loop


class Deployments:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._deployments = context.informer(DEPLOYMENT)
        self._sets = context.informer(REPLICA_SET)
        self._owned = Dependents(context, DEPLOYMENT, self._sets)
        self._pods_by_owner = Index(context.informer(POD), owners)
        self._events = context.recorder(COMPONENT)
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._deployments.store))
        self._deployments.on_change(self._deployment_changed)
        self._sets.on_change(self._set_changed)
        context.informer(POD).on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> float | None:
        deployment = self._deployments.store.get(key)
        if deployment is None or not deployment["spec"].get("selector"):
            return None
        deployment = dict(deployment)
        sets = await self._owned.claim(deployment, by_labels(selector_of(deployment)))
        if is_deleting(deployment):
            return await self._write_status(key, deployment, rollouts.find_new(deployment, sets), sets)
        if await self._note_pause(key, deployment):
            return None
        new = rollouts.find_new(deployment, sets)
        if new is None and not deployment["spec"].get("paused") and not self._waits_for_old(deployment, sets):
            new = await self._create_set(key, deployment, sets)
        old = rollouts.old_sets(sets, new)
        if new is not None:
            new = await self._keep_revision(key, deployment, new, old)
            sets = [*old, new]
        sets = await self._resize(key, deployment, new, sets)
        new = next((item for item in sets if new is not None and key_of(item) == key_of(new)), None)
        again = await self._write_status(key, deployment, new, sets)
        await self._clean_up(deployment, new, sets)
        return again

    def _waits_for_old(self, deployment: Object, sets: Sequence[Object]) -> bool:
        """Recreate starts the new only when the last old pod is gone."""
        return rollouts.is_recreate(deployment) and (any(map(rollouts.replicas_of, sets)) or self._runs(sets))

    def _runs(self, sets: Sequence[Object]) -> bool:
        uids = [item["metadata"]["uid"] for item in sets]
        return any(not is_ended(pod) for uid in uids for pod in self._pods_by_owner.get(("owner", uid)))

    async def _note_pause(self, key: Key, deployment: Object) -> bool:
        """Say in the conditions that the rollout was paused or resumed; true when something was written."""
        if not deployment_status.has_deadline(deployment):
            return False
        paused = bool(deployment["spec"].get("paused"))
        present = condition(deployment, "Progressing")
        noted = present is not None and present["reason"] == "DeploymentPaused"
        if paused == noted or (present is not None and present["reason"] == "ProgressDeadlineExceeded"):
            return False
        word = "paused" if paused else "resumed"
        said = deployment_status.progressing("Unknown", f"Deployment{word.capitalize()}", f"Deployment is {word}")
        await self._say(key, deployment, said)
        return True

    async def _create_set(self, key: Key, deployment: Object, sets: Sequence[Object]) -> Object:
        wanted = new_set(deployment, rollouts.old_sets(sets, None))
        name = wanted["metadata"]["name"]
        try:
            made = await self._client.create(REPLICA_SET, key[0], wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                self._events.record(about(DEPLOYMENT, deployment), WARNING, "ReplicaSetCreateError", error.message)
                failed = deployment_status.progressing("False", "ReplicaSetCreateError", error.message)
                await self._say(key, deployment, failed)
                raise
            return await self._own_or_collide(key, deployment, name)
        size = rollouts.replicas_of(made)
        if size:
            said = f"Scaled up replica set {name} from 0 to {size}"
            self._events.record(about(DEPLOYMENT, deployment), NORMAL, "ScalingReplicaSet", said)
        created = deployment_status.progressing("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        await self._say(key, deployment, created)
        return made

    async def _own_or_collide(self, key: Key, deployment: Object, name: str) -> Object:
        """The name is taken: by our own ReplicaSet that was not seen yet, or by another's; then try another hash."""
        present = await self._client.get(REPLICA_SET, key[0], name)
        ours = controller_uid(present) == deployment["metadata"]["uid"]
        if ours and rollouts.find_new(deployment, [present]) is not None:
            return present
        collisions = (deployment.get("status") or {}).get("collisionCount", 0) + 1
        await self._client.patch(DEPLOYMENT, *key, {"status": {"collisionCount": collisions}}, subresource="status")
        raise ApiError(409, "Conflict", f"replica set name {name} is taken")

    async def _keep_revision(self, key: Key, deployment: Object, new: Object, old: Sequence[Object]) -> Object:
        """The new ReplicaSet carries the highest revision and the Deployment's annotations; the Deployment shows it."""
        annotations = revised(deployment, new, old)
        min_ready = deployment["spec"].get("minReadySeconds", 0)
        if (
            annotations != (new["metadata"].get("annotations") or {})
            or new["spec"].get("minReadySeconds", 0) != min_ready
        ):
            change = {"metadata": {"annotations": annotations}, "spec": {"minReadySeconds": min_ready}}
            new = await self._client.patch(REPLICA_SET, *key_of(new), change)
        revision = annotations[rollouts.REVISION]
        if (deployment["metadata"].get("annotations") or {}).get(rollouts.REVISION) != revision:
            shown = {"metadata": {"annotations": {rollouts.REVISION: revision}}}
            # By way of the status: annotations written otherwise raise the generation, as if the user had changed something.
            await self._client.patch(DEPLOYMENT, *key, shown, subresource="status")
        return new

    async def _resize(self, key: Key, deployment: Object, new: Object | None, sets: list[Object]) -> list[Object]:
        """Apply this step's sizes; the ReplicaSets as they are afterwards."""
        old = rollouts.old_sets(sets, new)
        sizes = rollouts.next_scale(deployment, new, old, rollouts.is_recreate(deployment) and self._runs(old))
        marks = size_marks(deployment)
        result = []
        for item in sets:
            size = sizes.get(item["metadata"]["name"], rollouts.replicas_of(item))
            present = item["metadata"].get("annotations") or {}
            outdated = rollouts.replicas_of(item) > 0 and not marks.items() <= present.items()
            if size != rollouts.replicas_of(item) or outdated:
                item = await self._set_size(deployment, item, size, marks)
            result.append(item)
        return result

    async def _set_size(self, deployment: Object, item: Object, size: int, marks: dict[str, str]) -> Object:
        before, meta = rollouts.replicas_of(item), item["metadata"]
        change = {
            "metadata": {"resourceVersion": meta["resourceVersion"], "annotations": marks},
            "spec": {"replicas": size},
        }
        changed = await self._client.patch(REPLICA_SET, *key_of(item), change)
        if size != before:
            way = "up" if size > before else "down"
            said = f"Scaled {way} replica set {meta['name']} from {before} to {size}"
            self._events.record(about(DEPLOYMENT, deployment), NORMAL, "ScalingReplicaSet", said)
        return changed

    async def _write_status(
        self, key: Key, deployment: Object, new: Object | None, sets: Sequence[Object]
    ) -> float | None:
        before = deployment.get("status") or {}
        now = datetime.now(UTC)
        after, again = deployment_status.status(deployment, new, sets, before.get("collisionCount", 0), now)
        change = status_patch(before, after)
        if change is not None:
            await self._client.patch(DEPLOYMENT, *key, change, subresource="status")
        return again

    async def _say(self, key: Key, deployment: Object, said: Object) -> None:
        before = deployment.get("status") or {}
        conditions = deployment_status.put_condition(before.get("conditions") or [], said, datetime.now(UTC))
        change = {"status": {"conditions": conditions}}
        answer = await self._client.patch(DEPLOYMENT, *key, change, subresource="status")
        deployment["status"] = answer.get("status") or {}

    async def _clean_up(self, deployment: Object, new: Object | None, sets: Sequence[Object]) -> None:
        """Delete the oldest empty ReplicaSets beyond the history limit, once the rollout is through."""
        if not deployment_status.is_complete(deployment, deployment.get("status") or {}):
            return
        for item in expired(deployment, rollouts.old_sets(sets, new)):
            await self._client.delete(REPLICA_SET, *key_of(item), uid=item["metadata"]["uid"])

    def _deployment_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for deployment in filter(None, (new or old,)):
            self.loop.add(key_of(deployment))

    def _set_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for item in filter(None, (old, new)):
            reference = controller_of(item)
            if reference is not None and reference["kind"] == DEPLOYMENT.kind:
                self.loop.add((item["metadata"]["namespace"], reference["name"]))

    def _pod_changed(self, event: str, old: Object | None, _new: Object | None) -> None:
        """Recreate waits for the last old pod to go."""
        if event != "DELETED" or old is None or (reference := controller_of(old)) is None:
            return
        owner = self._sets.store.get((old["metadata"]["namespace"], reference["name"]))
        if owner is not None:
            self._set_changed("MODIFIED", None, owner)


def size_marks(deployment: Object) -> dict[str, str]:
    """What sizes were computed from; a change of `replicas` is told by it from a step of a rollout."""
    wanted = rollouts.replicas_of(deployment)
    return {rollouts.DESIRED: str(wanted), rollouts.MAXIMUM: str(wanted + rollouts.bounds(deployment).surge)}


def new_set(deployment: Object, old: Sequence[Object]) -> Object:
    """The ReplicaSet of the present template."""
    meta, spec = deployment["metadata"], deployment["spec"]
    collisions = (deployment.get("status") or {}).get("collisionCount", 0)
    mark = rollouts.template_hash(spec["template"], collisions)
    template_meta = spec["template"].get("metadata") or {}
    labels = {**(template_meta.get("labels") or {}), rollouts.HASH_LABEL: mark}
    match = {**(spec["selector"].get("matchLabels") or {}), rollouts.HASH_LABEL: mark}
    wanted: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{mark}",
            "labels": labels,
            "ownerReferences": [owner_reference(DEPLOYMENT, deployment)],
        },
        "spec": {
            "replicas": rollouts.initial_size(deployment, old),
            "selector": {**spec["selector"], "matchLabels": match},
            "template": {**spec["template"], "metadata": {**template_meta, "labels": labels}},
        },
    }
    if spec.get("minReadySeconds"):
        wanted["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    wanted["metadata"]["annotations"] = revised(deployment, wanted, old) | size_marks(deployment)
    return wanted


def revised(deployment: Object, new: Object, old: Sequence[Object]) -> dict[str, str]:
    """The annotations that the new ReplicaSet should have: the Deployment's own, and a revision above all others."""
    present = dict(new["metadata"].get("annotations") or {})
    for name, value in (deployment["metadata"].get("annotations") or {}).items():
        if name not in rollouts.NOT_COPIED:
            present[name] = value
    before = rollouts.revision_of(new)
    highest = max((rollouts.revision_of(item) for item in old), default=0)
    if before <= highest:
        present[rollouts.REVISION] = str(highest + 1)
        if before:
            history = [*filter(None, present.get(rollouts.HISTORY, "").split(",")), str(before)]
            present[rollouts.HISTORY] = ",".join(history)
    return present


def expired(deployment: Object, old: Sequence[Object]) -> list[Object]:
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [
        item
        for item in old
        if not rollouts.replicas_of(item)
        and not (item.get("status") or {}).get("replicas")
        and not is_deleting(item)
        and (item.get("status") or {}).get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    ]
    empty.sort(key=rollouts.revision_of)
    return empty[: max(0, len(old) - limit)]
