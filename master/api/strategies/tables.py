"""The status a new object has, and the fields whose changes its generation counts: a row a kind."""

from __future__ import annotations

from typing import Any

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
