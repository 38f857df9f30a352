"""What the server completes in an object that left it out: versioned defaults, kind by kind.

In here: pure functions that fill in a decoded object in place; one table from kind to function.  They run at every
write, after decoding and before admission; a second run changes nothing.  Not in here: what depends on the cluster
(addresses, service accounts, tolerations) or on the request (uid, times); what a create or an update resets is
`master.api.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube.kinds import Kind, is_built_in
from master.api.defaults import cluster, devices, extensions, pods, services, workloads

Object = dict[str, Any]

DEFAULTS: dict[str, Callable[[Object], None]] = {
    "APIService": extensions.api_service,
    "ClusterRoleBinding": cluster.role_binding,
    "CronJob": workloads.cron_job,
    "CSIDriver": cluster.csi_driver,
    "CustomResourceDefinition": extensions.definition,
    "DaemonSet": workloads.daemon_set,
    "Deployment": workloads.deployment,
    "Endpoints": services.endpoints,
    "EndpointSlice": services.endpoint_slice,
    "FlowSchema": extensions.flow_schema,
    "HorizontalPodAutoscaler": workloads.autoscaler,
    "IngressClass": services.ingress_class,
    "Job": workloads.job,
    "LimitRange": cluster.limit_range,
    "MutatingAdmissionPolicy": extensions.mutating_policy,
    "MutatingAdmissionPolicyBinding": extensions.policy_binding,
    "MutatingWebhookConfiguration": extensions.webhooks,
    "Namespace": cluster.namespace,
    "NetworkPolicy": services.network_policy,
    "Node": cluster.node,
    "PersistentVolume": cluster.volume,
    "PersistentVolumeClaim": cluster.claim,
    "Pod": pods.pod,
    "PodTemplate": workloads.pod_template,
    "PriorityClass": cluster.priority_class,
    "PriorityLevelConfiguration": extensions.priority_level,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replication_controller,
    "ResourceClaim": devices.claim,
    "ResourceClaimTemplate": devices.claim_template,
    "RoleBinding": cluster.role_binding,
    "Secret": cluster.secret,
    "Service": services.service,
    "StatefulSet": workloads.stateful_set,
    "StorageClass": cluster.storage_class,
    "ValidatingAdmissionPolicy": extensions.policy,
    "ValidatingAdmissionPolicyBinding": extensions.policy_binding,
    "ValidatingWebhookConfiguration": extensions.webhooks,
}


def apply_defaults(kind: Kind, obj: Object) -> None:
    """Of a custom resource those its schema says."""
    if kind.custom is not None:
        kind.custom.complete(obj)
        return
    complete = DEFAULTS.get(kind.kind)
    if complete and is_built_in(kind):
        complete(obj)
