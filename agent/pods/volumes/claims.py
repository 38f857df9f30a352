"""A pod's claim to storage into the volume that was bound to it.

Contract: `Claims.volume(pod, volume)` answers the volume itself, in the words of a pod's own volumes where it has them
(`hostPath`), else `local`; Missing says what is not there yet, Unsupported names a source this node does not do.
An `ephemeral` volume is a claim named POD-VOLUME that belongs to the pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.pods.volumes.mounting import Unsupported, Volume
from agent.pods.volumes.payloads import Missing
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import kind_of

CLAIMS = kind_of({"apiVersion": "v1", "kind": "PersistentVolumeClaim"})
VOLUMES = kind_of({"apiVersion": "v1", "kind": "PersistentVolume"})
SOURCES = ("local", "hostPath")
READ_ONLY = {"ReadOnlyMany"}
Object = Mapping[str, Any]


class Claims:
    """Asks for each claim and volume by name, which is all that a node may read of them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def volume(self, pod: Object, volume: Volume) -> Volume:
        """What is bound to the claim; a volume that is no claim is itself."""
        name = claim_name(pod, volume)
        if not name:
            return volume
        namespace = pod["metadata"]["namespace"]
        try:
            claim = await self._client.get(CLAIMS, namespace, name)
            check_claim(pod, volume, claim)
            found = await self._client.get(VOLUMES, "", claim["spec"]["volumeName"])
        except ApiError as error:
            if error.status not in {403, 404}:
                raise
            said = f"error processing PVC {namespace}/{name}: failed to fetch PVC from API server: {error.message}"
            raise Missing(said) from error
        return bound_volume(volume, claim, found)


def claim_name(pod: Object, volume: Volume) -> str:
    """The claim a volume stands for; empty for any other volume."""
    if "persistentVolumeClaim" in volume:
        return str(volume["persistentVolumeClaim"]["claimName"])
    return f"{pod['metadata']['name']}-{volume['name']}" if "ephemeral" in volume else ""


def check_claim(pod: Object, volume: Volume, claim: Object) -> None:
    """Missing when the claim may not be used by this pod now."""
    meta, named = claim["metadata"], pod["metadata"]
    who = f"{meta['namespace']}/{meta['name']}"
    owners = [owner for owner in meta.get("ownerReferences") or () if owner.get("controller")]
    if "ephemeral" in volume and not any(owner["uid"] == named["uid"] for owner in owners):
        pod_name = f"{named['namespace']}/{named['name']}"
        raise Missing(f"PVC {who} was not created for pod {pod_name} (pod is not owner)")
    if meta.get("deletionTimestamp"):
        raise Missing(f"error processing PVC {who}: PVC is being deleted")
    if (claim.get("status") or {}).get("phase") != "Bound" or not claim["spec"].get("volumeName"):
        raise Missing(f"error processing PVC {who}: PVC is not bound")


def bound_volume(volume: Volume, claim: Object, found: Object) -> Volume:
    """The PersistentVolume as the pod finds it under the volume's own name."""
    spec, name = found["spec"], found["metadata"]["name"]
    if (spec.get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
        raise Missing(f"PV {name} is not bound to PVC {claim['metadata']['name']}")
    if spec.get("volumeMode") == "Block":
        raise Unsupported(f"volume {volume['name']!r}: PersistentVolume {name} is a block device (volumeMode Block)")
    source = next((kind for kind in SOURCES if kind in spec), None)
    if source is None:
        raise Unsupported(f"volume {volume['name']!r}: PersistentVolume {name} is of no kind that this node mounts")
    asked = volume.get("persistentVolumeClaim") or {}
    read_only = bool(asked.get("readOnly")) or set(spec.get("accessModes") or ()) == READ_ONLY
    return {"name": volume["name"], source: {**spec[source], "readOnly": read_only}}
