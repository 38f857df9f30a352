"""The status a new object has, and the fields whose changes its generation counts: a row a kind."""

from __future__ import annotations

from typing import Any

from kube.kinds import Kind, is_built_in

Object = dict[str, Any]

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"

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


def counts(kind: Kind) -> bool:
    """Whether the objects of a kind have a generation."""
    return kind.kind in COUNTED or not is_built_in(kind)


def counted(kind: Kind, *versions: Object) -> set[tuple[str, ...]]:
    """The fields the generation counts; of a custom resource all that either version has, but metadata and status."""
    if is_built_in(kind):
        return set(COUNTED.get(kind.kind, ()))
    apart = {"metadata", "status"} if kind.subresource("status") else {"metadata"}
    return {(name,) for version in versions for name in version if name not in apart}


def new_status(kind: Kind) -> Object | None:
    """The status of a new object of a built-in kind; None where it keeps what it came with, or has none."""
    return HPA_STATUS[kind.api_version] if kind.kind == "HorizontalPodAutoscaler" else STATUS.get(kind.kind)
