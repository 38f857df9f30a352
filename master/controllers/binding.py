"""PersistentVolumes and claims: bound to each other, made where their class is ours, reclaimed when the claim is gone.

Applies what `volumes` works out.  One worker: two claims never take the same volume from one view of it, and a write over
an old view is refused by its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kube import times
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.informers import Index
from master.controllers import localpaths, volumes
from master.controllers.context import NODE, Context
from master.controllers.loop import Loop
from master.controllers.objects import Object, is_deleting, key_of, status_patch
from master.controllers.volumes import CLAIM, CLASS, VOLUME, Said, notes_of
from master.scheduler.volumes import SELECTED_NODE, read_claim, read_volume

COMPONENT = "persistentvolume-controller"
LOOK_AGAIN = 15.0
"""Seconds after which a claim that nothing could be done for is looked at again, as upstream's does."""


class Item(NamedTuple):
    kind: str
    namespace: str
    name: str


def build(context: Context) -> Loop:
    return Binding(context).loop


class Binding:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._claims, self._volumes = context.informer(CLAIM), context.informer(VOLUME)
        self._classes, self._nodes = context.informer(CLASS), context.informer(NODE)
        self._waiting = Index(self._claims, lambda claim: [] if volumes.is_completed(claim) else [_class_of(claim)])
        self._kept = Index(self._volumes, _claim_named)
        self._events = context.recorder(COMPONENT)
        self.loop = Loop(COMPONENT, self.reconcile, self._all, workers=1)
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)
        self._classes.on_change(lambda _event, old, new: self._wake_waiting((new or old)["metadata"]["name"]))

    async def reconcile(self, item: Item) -> float | None:
        if item.kind == CLAIM.kind:
            claim = self._claims.store.get((item.namespace, item.name))
            return await self._claim(claim) if claim is not None else None
        volume = self._volumes.store.get(("", item.name))
        if volume is not None:
            await self._volume(volume)
        return None

    # Claims

    async def _claim(self, claim: Object) -> float | None:
        name = claim["spec"].get("volumeName")
        if volumes.is_completed(claim):
            await self._stay_bound(claim, await self._present(name) if name else None)
        elif is_deleting(claim):
            return None
        elif name:
            await self._bind_named(claim, self._volumes.store.get(("", name)))
        else:
            return await self._find(await self._with_class(claim))
        return None

    async def _find(self, claim: Object) -> float | None:
        storage_class = self._classes.store.get(("", _class_of(claim)))
        found = volumes.choose(claim, self._volumes.store.values(), storage_class)
        if found.volume is not None:
            await self._bind(claim, found.volume)
            return None
        if found.provision and storage_class is not None:
            found = found._replace(said=await self._provision(claim, storage_class))
        if found.said is not None:
            self._say(claim, found.said)
        return LOOK_AGAIN if _class_of(claim) and storage_class is None else None

    async def _with_class(self, claim: Object) -> Object:
        """A claim older than the default class gets it still."""
        if claim["spec"].get("storageClassName") is not None or _class_of(claim):
            return claim
        marked = [one for one in self._classes.store.values() if notes_of(one).get(volumes.DEFAULT_CLASS) == "true"]
        if not marked:
            return claim
        newest = max(marked, key=lambda one: (one["metadata"].get("creationTimestamp", ""), one["metadata"]["name"]))
        change = {"spec": {"storageClassName": newest["metadata"]["name"]}}
        return await self._client.patch(CLAIM, *key_of(claim), change)

    async def _bind_named(self, claim: Object, volume: Object | None) -> None:
        """The claim asks for a volume by name: it waits until that is there and free."""
        if volume is None:
            return
        if volumes.is_for(volume, claim):
            await self._bind(claim, volume)
        elif not volume["spec"].get("claimRef"):
            wrong = volumes.mismatch(claim, volume)
            if wrong:
                said = f'Cannot bind to requested volume "{volume["metadata"]["name"]}": {wrong}'
                self._say(claim, Said(WARNING, "VolumeMismatch", said))
            else:
                await self._bind(claim, volume)

    async def _stay_bound(self, claim: Object, volume: Object | None) -> None:
        if volume is None:
            await self._lose(claim, Said(WARNING, "ClaimLost", volumes.LOST))
        elif volume["spec"].get("claimRef") and not volumes.is_for(volume, claim):
            await self._lose(claim, Said(WARNING, "ClaimMisbound", volumes.MISBOUND))
        else:
            await self._bind(claim, await self._grown(claim, volume))

    async def _present(self, name: str) -> Object | None:
        """The API is asked before a volume is taken for gone: the news of claims may come before that of volumes."""
        found = self._volumes.store.get(("", name))
        try:
            return found or await self._client.get(VOLUME, "", name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _lose(self, claim: Object, said: Said) -> None:
        if (claim.get("status") or {}).get("phase") != "Lost":
            await self._client.patch(CLAIM, *key_of(claim), {"status": {"phase": "Lost"}}, subresource="status")
            self._say(claim, said)

    async def _bind(self, claim: Object, volume: Object) -> None:
        """Every write that is missing, in the order that survives a crash."""
        if (change := volumes.reserving(volume, claim)) is not None:
            volume = await self._client.patch(VOLUME, "", volume["metadata"]["name"], change)
        await self._set_phase(volume, "Bound")
        if (change := volumes.tying(claim, volume)) is not None:
            claim = await self._client.patch(CLAIM, *key_of(claim), change)
        before = claim.get("status") or {}
        if (change := status_patch(before, volumes.bound_status(claim, volume))) is not None:
            await self._client.patch(CLAIM, *key_of(claim), change, subresource="status")

    async def _grown(self, claim: Object, volume: Object) -> Object:
        """A directory of ours is as large as is asked for: growing it is a matter of words."""
        asked = claim["spec"]["resources"]["requests"]["storage"]
        if not localpaths.is_ours(volume) or read_claim(claim).asked <= _size(volume):
            return volume
        change = {"spec": {"capacity": {"storage": asked}}}
        return await self._client.patch(VOLUME, "", volume["metadata"]["name"], change)

    async def _provision(self, claim: Object, storage_class: Object) -> Said:
        """Make a volume of ours, or tell whoever makes those of the class."""
        provisioner = storage_class["provisioner"]
        if provisioner != localpaths.PROVISIONER:
            notes = dict.fromkeys(volumes.PROVISIONER_NOTES, provisioner)
            if not notes.items() <= notes_of(claim).items():
                await self._client.patch(CLAIM, *key_of(claim), {"metadata": {"annotations": notes}})
            return Said(NORMAL, "ExternalProvisioning", volumes.EXTERNAL.format(provisioner))
        node = self._nodes.store.get(("", notes_of(claim).get(SELECTED_NODE, "")))
        refused = localpaths.refusal(claim) or ("" if node is not None else "the selected node is gone")
        if refused or node is None:
            if notes_of(claim).get(SELECTED_NODE):
                # The scheduler chooses anew where it finds its choice withdrawn.
                await self._client.patch(CLAIM, *key_of(claim), {"metadata": {"annotations": {SELECTED_NODE: None}}})
            said = f'failed to provision volume with StorageClass "{storage_class["metadata"]["name"]}": {refused}'
            return Said(WARNING, "ProvisioningFailed", said)
        wanted = localpaths.new_volume(claim, storage_class, node["metadata"].get("labels") or {})
        name = wanted["metadata"]["name"]
        try:
            await self._client.create(VOLUME, "", wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        return Said(NORMAL, "ProvisioningSucceeded", f"Successfully provisioned volume {name}")

    # Volumes

    async def _volume(self, volume: Object) -> None:
        claim = await self._named(volume)
        phase = volumes.phase(volume, claim)
        if phase == "Released":
            await self._reclaim(volume)
        elif phase:
            await self._set_phase(volume, phase)
            if claim is not None and not volumes.is_completed(claim):
                self.loop.add(Item(CLAIM.kind, *key_of(claim)))

    async def _named(self, volume: Object) -> Object | None:
        """The claim that the volume names; the API is asked before it is taken for gone."""
        reference = volume["spec"].get("claimRef") or {}
        if not reference:
            return None
        key = reference.get("namespace", ""), reference.get("name", "")
        claim = self._claims.store.get(key)
        if claim is not None and claim["metadata"]["uid"] == reference.get("uid"):
            return dict(claim)
        try:
            return await self._client.get(CLAIM, *key)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _reclaim(self, volume: Object) -> None:
        failed = volumes.reclaiming(volume)
        if failed is not None:
            message, said = failed
            if await self._set_phase(volume, "Failed", message):
                self._events.record(about(VOLUME, volume), *said)
            return
        await self._set_phase(volume, "Released")
        if localpaths.is_ours(volume) and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            await self._empty(volume)
            if not is_deleting(volume):
                meta = volume["metadata"]
                await self._client.delete(VOLUME, "", meta["name"], uid=meta["uid"])

    async def _empty(self, volume: Object) -> None:
        """Have the node remove the directory; where the node is gone, so is the directory."""
        host, name = localpaths.node_of(volume), volume["metadata"]["name"]
        for node in self._nodes.store.values():
            meta = node["metadata"]
            if (meta.get("labels") or {}).get(localpaths.HOSTNAME, meta["name"]) == host:
                await self._client.raw("DELETE", f"/api/v1/nodes/{meta['name']}/proxy/volumes/{name}")

    async def _set_phase(self, volume: Object, phase: str, message: str = "") -> bool:
        """Whether something was written; in a phase that is told already, others may have put words of their own."""
        if (volume.get("status") or {}).get("phase") == phase:
            return False
        after = {"phase": phase, "message": message or None, "lastPhaseTransitionTime": times.now()}
        name, version = volume["metadata"]["name"], volume["metadata"]["resourceVersion"]
        change = {"metadata": {"resourceVersion": version}, "status": after}
        await self._client.patch(VOLUME, "", name, change, subresource="status")
        return True

    # What wakes whom

    def _all(self) -> list[Item]:
        claims = [Item(CLAIM.kind, *key) for key in self._claims.store]
        return claims + [Item(VOLUME.kind, *key) for key in self._volumes.store]

    def _claim_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for claim in filter(None, (new or old,)):
            self.loop.add(Item(CLAIM.kind, *key_of(claim)))
            name = claim["spec"].get("volumeName")
            for volume in self._kept.get(key_of(claim)):
                self.loop.add(Item(VOLUME.kind, *key_of(volume)))
            if name:
                self.loop.add(Item(VOLUME.kind, "", name))

    def _volume_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for volume in filter(None, (new or old,)):
            self.loop.add(Item(VOLUME.kind, *key_of(volume)))
            for key in _claim_named(volume):
                self.loop.add(Item(CLAIM.kind, *key))
            self._wake_waiting(volume["spec"].get("storageClassName") or "")

    def _wake_waiting(self, storage_class: str) -> None:
        for name in {storage_class, ""}:
            for claim in self._waiting.get(name):
                self.loop.add(Item(CLAIM.kind, *key_of(claim)))

    def _say(self, claim: Object, said: Said) -> None:
        self._events.record(about(CLAIM, claim), *said)


def _class_of(claim: Object) -> str:
    return read_claim(claim).storage_class


def _claim_named(volume: Object) -> list[tuple[str, str]]:
    reference: Mapping[str, str] = volume["spec"].get("claimRef") or {}
    return [(reference.get("namespace", ""), reference.get("name", ""))] if reference else []


def _size(volume: Object) -> int:
    return read_volume(volume).capacity
