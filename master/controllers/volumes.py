"""PersistentVolumes and claims, the arithmetic: which volume a claim gets, what binding writes, what state both are in.

Pure.  How binding survives a crash: the volume names the claim first, then the claim the volume; each write is repeated
from what is there until nothing is missing, and a claim that was `bind-completed` is never given another volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kube.events import NORMAL, WARNING
from master.controllers.objects import Object, kind
from master.scheduler.volumes import BIND_COMPLETED, NO_PROVISIONER, SELECTED_NODE, Claim, read_claim, read_volume

CLAIM, VOLUME = kind("v1", "PersistentVolumeClaim"), kind("v1", "PersistentVolume")
CLASS = kind("storage.k8s.io/v1", "StorageClass")
BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER_NOTES = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
LOST = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
MISBOUND = "Two claims are bound to the same volume, this one is bound incorrectly"


class Said(NamedTuple):
    """An event."""

    type: str
    reason: str
    message: str


class Choice(NamedTuple):
    """What a claim that is not bound comes to: a volume, or a word why it waits; `provision`: one is to be made for it."""

    volume: Object | None = None
    said: Said | None = None
    provision: bool = False


def notes_of(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def is_completed(claim: Object) -> bool:
    return BIND_COMPLETED in notes_of(claim)


def is_for(volume: Object, claim: Object) -> bool:
    """Whether the volume names the claim, by its uid or by its name alone."""
    reference, meta = volume["spec"].get("claimRef") or {}, claim["metadata"]
    named = (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
    return named and reference.get("uid", "") in ("", meta["uid"])


def waits_for_consumer(claim: Object, storage_class: Object | None) -> bool:
    waits = (storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"
    return waits and SELECTED_NODE not in notes_of(claim)


def choose(claim: Object, volumes: Iterable[Object], storage_class: Object | None) -> Choice:
    """For a claim that names no volume: the one kept for it, else the smallest that suits, else what its class does."""
    volumes, wanted = list(volumes), read_claim(claim)
    kept = next((volume for volume in volumes if is_for(volume, claim)), None)
    if kept is not None:
        return Choice(kept)
    if waits_for_consumer(claim, storage_class):
        return Choice(said=Said(NORMAL, "WaitForFirstConsumer", WAITING))
    free = [volume for volume in volumes if _is_free(volume) and read_volume(volume).suits(wanted)]
    if free:
        return Choice(min(free, key=lambda volume: (read_volume(volume).capacity, volume["metadata"]["name"])))
    return _without_volume(wanted, storage_class)


WAITING = "waiting for first consumer to be created before binding"
NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '{}' or manually by the system administrator. "
    "If volume creation is delayed, please verify that the provisioner is running and correctly registered."
)


def _without_volume(claim: Claim, storage_class: Object | None) -> Choice:
    if not claim.storage_class:
        return Choice(said=Said(NORMAL, "FailedBinding", NO_CLASS))
    if storage_class is None:
        said = f'storageclass.storage.k8s.io "{claim.storage_class}" not found'
        return Choice(said=Said(WARNING, "ProvisioningFailed", said))
    if storage_class["provisioner"] == NO_PROVISIONER:
        return Choice(said=Said(NORMAL, "FailedBinding", "no persistent volumes available for this claim"))
    return Choice(provision=True)


def _is_free(volume: Object) -> bool:
    return (volume.get("status") or {}).get("phase") == "Available" and not volume["spec"].get("claimRef")


def mismatch(claim: Object, volume: Object) -> str:
    """Why the volume that a claim asks for by name is none for it; empty when it is."""
    wanted, offered = read_claim(claim), read_volume(volume)
    if wanted.storage_class != offered.storage_class:
        return "storageClassName does not match"
    if wanted.volume_mode != offered.volume_mode:
        return "incompatible volumeMode"
    if offered.capacity < wanted.asked:
        return "requested PV is too small"
    return "" if offered.modes >= wanted.modes else "incompatible accessMode"


# What binding writes; None where nothing is missing


def reserving(volume: Object, claim: Object) -> Object | None:
    """The volume names the claim; that we chose it is noted, so that we may take it back."""
    if (volume["spec"].get("claimRef") or {}).get("uid") == claim["metadata"]["uid"]:
        return None
    meta = claim["metadata"]
    reference = {"apiVersion": "v1", "kind": CLAIM.kind, "namespace": meta["namespace"], "name": meta["name"]}
    reference |= {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    change: Object = {"metadata": {"resourceVersion": volume["metadata"]["resourceVersion"]}}
    if not volume["spec"].get("claimRef"):
        change["metadata"]["annotations"] = {BY_CONTROLLER: "yes"}
    return {**change, "spec": {"claimRef": reference}}


def tying(claim: Object, volume: Object) -> Object | None:
    """The claim names the volume, for good."""
    name, ours = volume["metadata"]["name"], not claim["spec"].get("volumeName")
    if not ours and is_completed(claim):
        return None
    notes = {BIND_COMPLETED: "yes"} | ({BY_CONTROLLER: "yes"} if ours else {})
    meta = {"resourceVersion": claim["metadata"]["resourceVersion"], "annotations": notes}
    return {"metadata": meta, "spec": {"volumeName": name}}


def bound_status(claim: Object, volume: Object) -> Object:
    """A volume that grew after it was bound shows its size in the claim once that was asked for."""
    before, spec = claim.get("status") or {}, volume["spec"]
    return {**before, "phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["capacity"]}


# What state a volume is in


def phase(volume: Object, claim: Object | None) -> str:
    """By the claim it names, as that is now; empty while the claim has still to be tied."""
    reference = volume["spec"].get("claimRef") or {}
    if not reference.get("uid"):
        return "Available"
    if claim is None or claim["metadata"]["uid"] != reference["uid"]:
        return "Released"
    named = claim["spec"].get("volumeName")
    if not named:
        return ""
    return "Bound" if named == volume["metadata"]["name"] else "Released"


def reclaiming(volume: Object) -> tuple[str, Said] | None:
    """The message and the event of a released volume that nobody here can reclaim; None where nothing is to be said."""
    spec, name = volume["spec"], volume["metadata"]["name"]
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy == "Recycle":
        said = f'error getting recycler volume plugin for volume "{name}": no recyclable volume plugin matched'
        return said, Said(WARNING, "VolumeFailedRecycle", said)
    if policy != "Delete" or PROVISIONED_BY in notes_of(volume) or "csi" in spec:
        return None
    said = f'error getting deleter volume plugin for volume "{name}": no deletable volume plugin matched'
    return said, Said(WARNING, "VolumeFailedDelete", said)
