"""Volumes of our own making: a directory on the node that the scheduler chose, for claims of a class of ours.  Pure.

The volume is an ordinary hostPath with a node affinity, so that scheduler and agents treat it as any other.
"""

from __future__ import annotations

from collections.abc import Mapping

from master.controllers.objects import Object
from master.controllers.volumes import CLAIM, PROVISIONED_BY
from master.scheduler.volumes import SELECTED_NODE

PROVISIONER = "wherry.dev/local-path"
FOLDER = "/var/lib/wherry/volumes"
HOSTNAME = "kubernetes.io/hostname"


def is_ours(volume: Object) -> bool:
    return bool((volume["metadata"].get("annotations") or {}).get(PROVISIONED_BY) == PROVISIONER)


def refusal(claim: Object) -> str:
    """Why a claim cannot be served; empty when it can."""
    spec = claim["spec"]
    if not (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE):
        return "configuration error, no node was specified"
    if spec.get("volumeMode") == "Block":
        return "block volumes are not provisioned: the class makes directories"
    if spec.get("selector"):
        return "claim.Spec.Selector is not supported"
    if set(spec.get("accessModes") or ()) & {"ReadWriteMany", "ReadOnlyMany"}:
        return "only ReadWriteOnce and ReadWriteOncePod are provisioned: a directory is on one node"
    return ""


def name_of(claim: Object) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def new_volume(claim: Object, storage_class: Object, labels: Mapping[str, str]) -> Object:
    """`labels` are those of the node that was selected."""
    meta, name = claim["metadata"], name_of(claim)
    host = labels.get(HOSTNAME, meta["annotations"][SELECTED_NODE])
    expression = {"key": HOSTNAME, "operator": "In", "values": [host]}
    reference = {"apiVersion": "v1", "kind": CLAIM.kind, "namespace": meta["namespace"], "name": meta["name"]}
    spec = {
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "accessModes": claim["spec"]["accessModes"],
        "claimRef": {**reference, "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": "Filesystem",
        "hostPath": {"path": f"{FOLDER}/{name}", "type": "DirectoryOrCreate"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
    }
    head = {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": head, "spec": spec}


def node_of(volume: Object) -> str:
    """The host name that the volume is tied to."""
    terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    return str(terms[0]["matchExpressions"][0]["values"][0])
