"""The rows of the table of kinds that authentication, authorization and admission speak of by name."""

from __future__ import annotations

from kube.kinds import Kind, kind_of

RBAC = "rbac.authorization.k8s.io/v1"


def _row(api_version: str, kind: str) -> Kind:
    return kind_of({"apiVersion": api_version, "kind": kind})


CONFIG_MAP = _row("v1", "ConfigMap")
ENDPOINTS = _row("v1", "Endpoints")
LIMIT_RANGE = _row("v1", "LimitRange")
NAMESPACE = _row("v1", "Namespace")
NODE = _row("v1", "Node")
PERSISTENT_VOLUME = _row("v1", "PersistentVolume")
PERSISTENT_VOLUME_CLAIM = _row("v1", "PersistentVolumeClaim")
RESOURCE_QUOTA = _row("v1", "ResourceQuota")
POD = _row("v1", "Pod")
SECRET = _row("v1", "Secret")
SERVICE = _row("v1", "Service")
SERVICE_ACCOUNT = _row("v1", "ServiceAccount")
ENDPOINT_SLICE = _row("discovery.k8s.io/v1", "EndpointSlice")
LEASE = _row("coordination.k8s.io/v1", "Lease")
PRIORITY_CLASS = _row("scheduling.k8s.io/v1", "PriorityClass")
RUNTIME_CLASS = _row("node.k8s.io/v1", "RuntimeClass")
STORAGE_CLASS = _row("storage.k8s.io/v1", "StorageClass")
CLUSTER_ROLE = _row(RBAC, "ClusterRole")
CLUSTER_ROLE_BINDING = _row(RBAC, "ClusterRoleBinding")
ROLE = _row(RBAC, "Role")
ROLE_BINDING = _row(RBAC, "RoleBinding")
