"""Defaults of the cluster's own furniture: namespaces, nodes, storage, limits, bindings, secrets."""

from __future__ import annotations

import base64
from typing import Any

from master.api.defaults import pods
from master.api.defaults.filling import if_empty, if_missing, within

Object = dict[str, Any]

NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)
NAME_LABEL = "kubernetes.io/metadata.name"
RBAC = "rbac.authorization.k8s.io"


def namespace(obj: Object) -> None:
    meta = within(obj, "metadata")
    if name := meta.get("name"):
        within(meta, "labels")[NAME_LABEL] = name
    within(obj, "spec")
    if_empty(within(obj, "status"), phase="Active")


def node(obj: Object) -> None:
    within(obj, "spec")
    status = within(obj, "status")
    if status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])
    if_missing(within(within(status, "daemonEndpoints"), "kubeletEndpoint"), Port=0)
    if_missing(within(status, "nodeInfo"), **dict.fromkeys(NODE_INFO, ""))


def secret(obj: Object) -> None:
    if_empty(obj, type="Opaque")
    written = obj.pop("stringData", None)
    if written:
        data = within(obj, "data")
        for key, text in written.items():
            data[key] = base64.b64encode((text or "").encode()).decode()


def volume(obj: Object) -> None:
    spec = within(obj, "spec")
    if_empty(spec, persistentVolumeReclaimPolicy="Retain")
    if_missing(spec, volumeMode="Filesystem")
    if (path := spec.get("hostPath")) is not None:
        if_missing(path, type="")
    pods.source_defaults(spec)
    if_empty(within(obj, "status"), phase="Pending")


def claim(obj: Object) -> None:
    pods.claim_spec(within(obj, "spec"))
    if_empty(within(obj, "status"), phase="Pending")


def storage_class(obj: Object) -> None:
    if_missing(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def csi_driver(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, attachRequired=True, podInfoOnMount=False, storageCapacity=False, requiresRepublish=False)
    if_missing(spec, fsGroupPolicy="ReadWriteOnceWithFSType", seLinuxMount=False)
    if_empty(spec, volumeLifecycleModes=["Persistent"])


def priority_class(obj: Object) -> None:
    if_missing(obj, value=0, preemptionPolicy="PreemptLowerPriority")


def limit_range(obj: Object) -> None:
    """Of containers: what is missing is drawn from the nearest bound that is there."""
    spec = within(obj, "spec")
    spec.setdefault("limits", None)
    for item in spec["limits"] or ():
        if item.get("type") != "Container":
            continue
        limits, requests = dict(item.get("default") or {}), dict(item.get("defaultRequest") or {})
        limits |= {name: text for name, text in (item.get("max") or {}).items() if name not in limits}
        for drawn in (limits, item.get("min") or {}):
            requests |= {name: text for name, text in drawn.items() if name not in requests}
        item |= {name: found for name, found in (("default", limits), ("defaultRequest", requests)) if found}


def role_binding(obj: Object) -> None:
    if_empty(within(obj, "roleRef"), apiGroup=RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            if_empty(subject, apiGroup=RBAC)
