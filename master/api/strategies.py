"""What a write may not say: before an object is created or replaced, the server takes back what is not the client's.

A create starts with an empty status and generation 1.  An update of the object keeps the status, an update of the
status keeps the rest, and the generation counts the changes of what the object asks for.  Everything here is a table
from kind to what is kept, reset or derived; objects are changed in place, complete with defaults and metadata
(`name`, `namespace`, `uid`, `creationTimestamp`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from kube.kinds import Kind
from kube.times import now
from master.api.cautions import warnings
from master.api.defaults import apply_defaults
from master.api.quality import qos_class

Object = dict[str, Any]

__all__ = ["prepare_create", "prepare_update", "qos_class", "warnings"]

ZERO_COUNTS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
HEALTH = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
# The status of a new object.  A kind that is not here keeps what the client says (Node), or has none.
STATUS: dict[str, Object] = {
    "APIService": {},
    "CertificateSigningRequest": {},
    "CronJob": {},
    "DaemonSet": dict.fromkeys(ZERO_COUNTS, 0),
    "Deployment": {},
    "FlowSchema": {},
    "Ingress": {"loadBalancer": {}},
    "Job": {},
    "Namespace": {"phase": "Active"},
    "PersistentVolume": {"phase": "Pending"},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "Pod": {"phase": "Pending"},
    "PodDisruptionBudget": dict.fromkeys(HEALTH, 0),
    "PriorityLevelConfiguration": {},
    "ReplicaSet": {"replicas": 0},
    "ReplicationController": {"replicas": 0},
    "ResourceClaim": {},
    "ResourceQuota": {},
    "Service": {"loadBalancer": {}},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "ValidatingAdmissionPolicy": {},
    "VolumeAttachment": {"attached": False},
}
HPA_STATUS: dict[str, Object] = {
    "autoscaling/v1": {"currentReplicas": 0, "desiredReplicas": 0},
    "autoscaling/v2": {"desiredReplicas": 0, "currentMetrics": None},
}
# The fields whose change counts as a new generation.  A kind that is not here has none.
COUNTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "CronJob": (("spec",),),
    "CustomResourceDefinition": (("spec",),),
    "DaemonSet": (("spec",),),
    "Deployment": (("spec",), ("metadata", "annotations")),
    "EndpointSlice": (("addressType",), ("endpoints",), ("ports",), ("metadata", "labels")),
    "FlowSchema": (("spec",),),
    "Ingress": (("spec",),),
    "IngressClass": (("spec",),),
    "Job": (("spec",),),
    "MutatingAdmissionPolicy": (("spec",),),
    "MutatingAdmissionPolicyBinding": (("spec",),),
    "MutatingWebhookConfiguration": (("webhooks",),),
    "NetworkPolicy": (("spec",),),
    "Pod": (("spec",),),
    "PodDisruptionBudget": (("spec",),),
    "PodTemplate": (("template",),),
    "PriorityClass": (("value",), ("globalDefault",), ("preemptionPolicy",), ("description",)),
    "PriorityLevelConfiguration": (("spec",),),
    "ReplicaSet": (("spec",),),
    "ReplicationController": (("spec",),),
    "ResourceSlice": (("spec",),),
    "StatefulSet": (("spec",),),
    "ValidatingAdmissionPolicy": (("spec",),),
    "ValidatingAdmissionPolicyBinding": (("spec",),),
    "ValidatingWebhookConfiguration": (("webhooks",),),
}


# Create


def prepare_create(kind: Kind, obj: Object) -> None:
    meta = obj.setdefault("metadata", {})
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        meta.pop(name, None)
    if kind.kind in COUNTED:
        meta["generation"] = 1
    if kind.kind in STATUS:
        obj["status"] = copy.deepcopy(STATUS[kind.kind])
    elif kind.kind == "HorizontalPodAutoscaler":
        obj["status"] = copy.deepcopy(HPA_STATUS[kind.api_version])
    if finish := ON_CREATE.get(kind.kind):
        finish(obj)


def _new_pod(obj: Object) -> None:
    spec = obj["spec"]
    status = obj["status"]
    status["qosClass"] = qos_class(spec)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    if spec.get("schedulingGates"):
        gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
        gated["message"] = "Scheduling is blocked due to non-empty scheduling gates"
        status["conditions"] = [{**gated, "lastProbeTime": None, "lastTransitionTime": None}]
    for constraint in spec.get("topologySpreadConstraints") or ():
        _extend_selector(constraint, constraint.get("matchLabelKeys") or (), obj["metadata"].get("labels") or {})


def _extend_selector(obj: Object, keys: list[str] | tuple[str, ...], labels: dict[str, str]) -> None:
    """`matchLabelKeys` becomes requirements on the pod's own values (KEP-3243)."""
    found = obj.get("labelSelector")
    if found is None:
        return
    for key in keys:
        if key in labels:
            wanted = {"key": key, "operator": "In", "values": [labels[key]]}
            found["matchExpressions"] = [*(found.get("matchExpressions") or ()), wanted]


def _new_namespace(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    finalizers = spec.get("finalizers") or []
    if "kubernetes" not in finalizers:
        spec["finalizers"] = [*finalizers, "kubernetes"]


def _new_volume(obj: Object) -> None:
    obj["status"]["lastPhaseTransitionTime"] = now()


def _new_daemon_set(obj: Object) -> None:
    obj["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = "1"


TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _new_limit_range(obj: Object) -> None:
    """The one kind that takes its uid for a name."""
    meta = obj["metadata"]
    meta["name"] = meta.get("name") or meta.get("uid", "")


JOB_LABELS = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name")


def _new_job(obj: Object) -> None:
    """A job selects its pods by its own uid, unless it says that it has chosen another way."""
    spec, meta = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    uid, name = meta.get("uid", ""), meta.get("name", "")
    values = (uid, name, uid, name)
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for label, value in zip(JOB_LABELS, values, strict=True):
        labels.setdefault(label, value)
    if not spec.get("selector"):
        spec["selector"] = {"matchLabels": {JOB_LABELS[0]: uid}}
    if not meta.get("labels"):
        meta["labels"] = dict(labels)


def _new_network_policy(obj: Object) -> None:
    obj.pop("status", None)


ON_CREATE: dict[str, Callable[[Object], None]] = {
    "DaemonSet": _new_daemon_set,
    "Job": _new_job,
    "LimitRange": _new_limit_range,
    "Namespace": _new_namespace,
    "NetworkPolicy": _new_network_policy,
    "PersistentVolume": _new_volume,
    "Pod": _new_pod,
}


# Update

# Metadata that an update need not repeat, and may not take away.
REMEMBERED = ("uid", "creationTimestamp", "name", "namespace")
DYING = ("deletionTimestamp", "deletionGracePeriodSeconds")
CONTENT = frozenset({"metadata", "status", "apiVersion", "kind"})
# Kinds whose labels only an update of the object itself may change.
LABELS_KEPT = frozenset({"Deployment"})
# Kinds of which an update of the status changes nothing else of the metadata.
METADATA_KEPT = frozenset({"APIService", "CustomResourceDefinition", "FlowSchema", "PriorityLevelConfiguration"})

# Subresources that bring something new, which has defaults.
COMPLETED = frozenset({("Pod", "ephemeralcontainers"), ("Service", "status")})


def prepare_update(kind: Kind, obj: Object, old: Object, subresource: str = "") -> None:
    meta, before = obj.setdefault("metadata", {}), old["metadata"]
    for name in REMEMBERED:
        if not meta.get(name) and name in before:
            meta[name] = before[name]
    for name in (*DYING, "generation"):
        if name in before:
            meta[name] = before[name]
        else:
            meta.pop(name, None)
    if (kind.kind, subresource) in COMPLETED:
        apply_defaults(kind, obj)
    KEEP.get(subresource, _keep_rest)(kind, obj, old)
    if finish := ON_UPDATE.get((kind.kind, subresource)):
        finish(obj, old)
    if subresource != "status" and kind.kind in COUNTED and _changed(COUNTED[kind.kind], obj, old):
        meta["generation"] = (before.get("generation") or 0) + 1


def _changed(fields: tuple[tuple[str, ...], ...], obj: Object, old: Object) -> bool:
    return any(_at(obj, field) != _at(old, field) for field in fields)


def _at(obj: Object, field: tuple[str, ...]) -> Any:
    value: Any = obj
    for step in field:
        value = (value or {}).get(step)
    return value or None


def _keep_status(kind: Kind, obj: Object, old: Object) -> None:
    if kind.subresource("status") or kind.kind == "CertificateSigningRequest":
        _take(obj, old, "status")


def _keep_rest(kind: Kind, obj: Object, old: Object) -> None:
    """An update of the status, or of what a subresource stands for: the object itself stays."""
    for name in {*obj, *old} - CONTENT:
        _take(obj, old, name)
    if kind.kind in METADATA_KEPT:
        kept = {name: obj["metadata"][name] for name in ("resourceVersion", "managedFields") if name in obj["metadata"]}
        obj["metadata"] = {**old["metadata"], **kept}
    elif kind.kind in LABELS_KEPT:
        _take(obj["metadata"], old["metadata"], "labels")


def _take(obj: Object, old: Object, name: str) -> None:
    """By reference: an old object is never changed."""
    if name in old:
        obj[name] = old[name]
    else:
        obj.pop(name, None)


KEEP: dict[str, Callable[[Kind, Object, Object], None]] = {
    "": _keep_status,
    "scale": _keep_status,
    "resize": _keep_status,
    "ephemeralcontainers": _keep_status,
    "finalize": _keep_status,
}


def _pod_status(obj: Object, old: Object) -> None:
    _take(obj["metadata"], old["metadata"], "ownerReferences")
    if quality := (old.get("status") or {}).get("qosClass"):
        obj.setdefault("status", {})["qosClass"] = quality


def _namespace(obj: Object, old: Object) -> None:
    _take(obj.setdefault("spec", {}), old.get("spec") or {}, "finalizers")


def _daemon_set(obj: Object, old: Object) -> None:
    """The template's own count of changes, which clients may not write."""
    before = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "0")
    count = int(before) + (obj["spec"].get("template") != old["spec"].get("template"))
    obj["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = str(count)


def _request(obj: Object, old: Object) -> None:
    _take(obj, old, "spec")


def _signed(obj: Object, old: Object) -> None:
    """The signer writes the certificate; approval and denial are not its to give or take."""
    decided = {"Approved", "Denied"}
    status = obj.setdefault("status", {})
    said = [each for each in status.get("conditions") or () if each.get("type") not in decided]
    kept = [each for each in (old.get("status") or {}).get("conditions") or () if each.get("type") in decided]
    if kept or said:
        status["conditions"] = [*kept, *said]


def _approval(obj: Object, old: Object) -> None:
    status = obj.setdefault("status", {})
    _take(status, old.get("status") or {}, "certificate")


def _ephemeral(obj: Object, old: Object) -> None:
    spec = copy.deepcopy(old["spec"])
    spec["ephemeralContainers"] = obj["spec"].get("ephemeralContainers")
    obj["spec"] = spec


def _resize(obj: Object, old: Object) -> None:
    """Only the resources of containers are taken from a resize."""
    spec = copy.deepcopy(old["spec"])
    for listing in ("containers", "initContainers"):
        asked = {item.get("name"): item.get("resources") for item in obj["spec"].get(listing) or ()}
        for container in spec.get(listing) or ():
            if asked.get(container["name"]) is not None:
                container["resources"] = asked[container["name"]]
    obj["spec"] = spec


ON_UPDATE: dict[tuple[str, str], Callable[[Object, Object], None]] = {
    ("CertificateSigningRequest", ""): _request,
    ("CertificateSigningRequest", "approval"): _approval,
    ("CertificateSigningRequest", "status"): _signed,
    ("DaemonSet", ""): _daemon_set,
    ("Namespace", ""): _namespace,
    ("Pod", "ephemeralcontainers"): _ephemeral,
    ("Pod", "resize"): _resize,
    ("Pod", "status"): _pod_status,
}
