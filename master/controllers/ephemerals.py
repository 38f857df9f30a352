"""Ephemeral volumes: for each one that a pod declares, the claim POD-VOLUME, which belongs to the pod and goes with it."""

from __future__ import annotations

from kube.errors import ApiError
from kube.events import WARNING, about
from master.controllers.context import POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, controller_uid, is_active, key_of, owner_reference
from master.controllers.volumes import CLAIM

COMPONENT = "ephemeral_volume"


def build(context: Context) -> Loop:
    return Ephemerals(context).loop


def missing(pod: Object) -> list[Object]:
    """The claims that a pod's ephemeral volumes stand for."""
    return [new_claim(pod, volume) for volume in pod["spec"].get("volumes") or () if "ephemeral" in volume]


def new_claim(pod: Object, volume: Object) -> Object:
    template = volume["ephemeral"]["volumeClaimTemplate"]
    meta, given = pod["metadata"], template.get("metadata") or {}
    head = {name: given[name] for name in ("labels", "annotations") if given.get(name)}
    head |= {"name": f"{meta['name']}-{volume['name']}", "ownerReferences": [owner_reference(POD, pod)]}
    return {"apiVersion": "v1", "kind": CLAIM.kind, "metadata": head, "spec": template["spec"]}


class Ephemerals:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._pods, self._claims = context.informer(POD), context.informer(CLAIM)
        self._events = context.recorder(COMPONENT)
        self.loop = Loop("ephemeral-volume-controller", self.reconcile, self._concerned)
        self._pods.on_change(self._pod_changed)
        self._claims.on_change(self._claim_changed)

    async def reconcile(self, key: Key) -> None:
        pod = self._pods.store.get(key)
        if pod is None or not is_active(pod):
            return
        for claim in missing(pod):
            present = self._claims.store.get((key[0], claim["metadata"]["name"]))
            if present is None:
                await self._create(pod, claim)
            elif controller_uid(present) != pod["metadata"]["uid"]:
                name = f"{key[0]}/{claim['metadata']['name']}"
                said = f"PVC {name} was not created for pod {key[0]}/{key[1]} (pod is not owner)"
                self._events.record(about(POD, pod), WARNING, "FailedBinding", f"ephemeral volume: {said}")

    async def _create(self, pod: Object, claim: Object) -> None:
        try:
            await self._client.create(CLAIM, pod["metadata"]["namespace"], claim)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                said = f"ephemeral volume controller: create PVC: {error.message}"
                self._events.record(about(POD, pod), WARNING, "FailedBinding", said)
                raise

    def _concerned(self) -> list[Key]:
        return [key for key, pod in self._pods.store.items() if missing(pod)]

    def _pod_changed(self, _event: str, _old: Object | None, new: Object | None) -> None:
        if new is not None and missing(new):
            self.loop.add(key_of(new))

    def _claim_changed(self, event: str, old: Object | None, _new: Object | None) -> None:
        """One that was deleted under a living pod is made again."""
        for owner in (old or {}).get("metadata", {}).get("ownerReferences") or () if event == "DELETED" else ():
            if owner["kind"] == POD.kind and old is not None:
                self.loop.add((old["metadata"]["namespace"], owner["name"]))
