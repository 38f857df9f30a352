"""Kind → its rules at creation, at an update, and at an update of one of its subresources."""

from __future__ import annotations

from collections.abc import Callable

from master.api.validation import (
    aggregation,
    autoscaling,
    config,
    definitions,
    endpoints,
    events,
    jobs,
    networking,
    nodes,
    pod_updates,
    pods,
    policies,
    rbac,
    reviews,
    services,
    statuses,
    storage,
    updates,
    webhooks,
    workloads,
)
from master.api.validation.problems import Problems
from master.api.validation.rules import Object

Create = Callable[[Object, Problems], None]
Update = Callable[[Object, Object, Problems], None]

# Reviews are questions: they are answered, never stored.
WITHOUT_METADATA = frozenset(
    {
        "LocalSubjectAccessReview",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "SubjectAccessReview",
        "TokenReview",
    }
)

CREATE: dict[str, Create] = {
    "APIService": aggregation.api_service,
    "CertificateSigningRequest": reviews.signing_request,
    "ClusterRole": rbac.cluster_role,
    "ClusterRoleBinding": rbac.cluster_role_binding,
    "ConfigMap": config.config_map,
    "ControllerRevision": workloads.controller_revision,
    "CronJob": jobs.cron_job,
    "CSIDriver": storage.csi_driver,
    "CSINode": storage.csi_node,
    "CSIStorageCapacity": storage.csi_capacity,
    "CustomResourceDefinition": definitions.definition,
    "DaemonSet": workloads.daemon_set,
    "Deployment": workloads.deployment,
    "Endpoints": endpoints.endpoints,
    "EndpointSlice": endpoints.endpoint_slice,
    "Event": events.event,
    "FlowSchema": aggregation.flow_schema,
    "HorizontalPodAutoscaler": autoscaling.autoscaler,
    "Ingress": networking.ingress,
    "IngressClass": networking.ingress_class,
    "IPAddress": networking.ip_address_object,
    "Job": jobs.job,
    "Lease": nodes.lease,
    "LimitRange": policies.limit_range,
    "LocalSubjectAccessReview": reviews.local_access,
    "MutatingAdmissionPolicy": webhooks.mutating_policy,
    "MutatingAdmissionPolicyBinding": webhooks.policy_binding,
    "MutatingWebhookConfiguration": webhooks.configuration,
    "NetworkPolicy": networking.network_policy,
    "Node": nodes.node,
    "PersistentVolume": storage.volume,
    "PersistentVolumeClaim": storage.claim,
    "Pod": pods.pod,
    "PodDisruptionBudget": policies.disruption_budget,
    "PodTemplate": pods.pod_template,
    "PriorityClass": policies.priority_class,
    "PriorityLevelConfiguration": aggregation.priority_level,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replication_controller,
    "ResourceQuota": policies.resource_quota,
    "Role": rbac.role,
    "RoleBinding": rbac.role_binding,
    "RuntimeClass": policies.runtime_class,
    "Secret": config.secret,
    "SelfSubjectAccessReview": reviews.own_access,
    "Service": services.service,
    "ServiceCIDR": networking.service_cidr,
    "StatefulSet": workloads.stateful_set,
    "StorageClass": storage.storage_class,
    "SubjectAccessReview": reviews.access,
    "ValidatingAdmissionPolicy": webhooks.policy,
    "ValidatingAdmissionPolicyBinding": webhooks.policy_binding,
    "ValidatingWebhookConfiguration": webhooks.configuration,
    "VolumeAttachment": storage.attachment,
    "VolumeAttributesClass": storage.attributes_class,
}

# Kinds whose update obeys more, or other, rules than their creation.
UPDATE: dict[str, Update] = {
    "CertificateSigningRequest": reviews.signing_request_update,
    "ClusterRoleBinding": rbac.binding_update,
    "ConfigMap": config.config_map_update,
    "ControllerRevision": updates.controller_revision,
    "CustomResourceDefinition": definitions.definition_update,
    "DaemonSet": updates.daemon_set,
    "Deployment": updates.deployment,
    "EndpointSlice": endpoints.endpoint_slice_update,
    "IngressClass": networking.ingress_class_update,
    "Job": updates.job,
    "Node": nodes.node_update,
    "PersistentVolume": updates.volume,
    "PersistentVolumeClaim": updates.claim,
    "Pod": pod_updates.pod,
    "PriorityClass": policies.priority_class_update,
    "ReplicaSet": updates.replica_set,
    "ResourceQuota": policies.resource_quota_update,
    "RoleBinding": rbac.binding_update,
    "RuntimeClass": policies.runtime_class_update,
    "Secret": config.secret_update,
    "Service": services.service_update,
    "StatefulSet": updates.stateful_set,
    "StorageClass": updates.storage_class,
    "VolumeAttachment": updates.attachment,
}

SUBRESOURCE: dict[tuple[str, str], Update] = {
    ("CertificateSigningRequest", "approval"): reviews.signing_request_update,
    ("CertificateSigningRequest", "status"): reviews.signing_request_update,
    ("DaemonSet", "status"): statuses.daemon_set,
    ("Deployment", "status"): statuses.deployment,
    ("Ingress", "status"): statuses.load_balancer,
    ("Job", "status"): statuses.job,
    ("Node", "status"): nodes.node_status_update,
    ("PodDisruptionBudget", "status"): statuses.disruption_budget,
    ("ReplicaSet", "status"): statuses.replica_set,
    ("ReplicationController", "status"): statuses.replica_set,
    ("Service", "status"): statuses.load_balancer,
    ("StatefulSet", "status"): statuses.stateful_set,
    ("Pod", "ephemeralcontainers"): pod_updates.ephemeral_containers,
    ("Pod", "resize"): pod_updates.resize,
    ("Pod", "status"): pod_updates.status,
}
