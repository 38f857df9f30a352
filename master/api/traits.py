"""Where kinds differ in how they are written and deleted: facts of Kubernetes 1.36 as sets of (group, kind)."""

from __future__ import annotations

from kube.kinds import Kind

RBAC = "rbac.authorization.k8s.io"
STORAGE = "storage.k8s.io"
ADMISSION = "admissionregistration.k8s.io"

# A PUT to a name that does not exist creates it.
CREATED_BY_UPDATE = frozenset(
    {
        ("", "Endpoints"),
        ("", "Event"),
        ("", "LimitRange"),
        ("", "Service"),
        ("coordination.k8s.io", "Lease"),
        ("events.k8s.io", "Event"),
        (RBAC, "ClusterRole"),
        (RBAC, "ClusterRoleBinding"),
        (RBAC, "Role"),
        (RBAC, "RoleBinding"),
    }
)

# A PUT has to say which resourceVersion it replaces.
VERSION_REQUIRED = frozenset(
    {
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("coordination.k8s.io", "Lease"),
        ("node.k8s.io", "RuntimeClass"),
        ("policy", "PodDisruptionBudget"),
        (ADMISSION, "MutatingAdmissionPolicy"),
        (ADMISSION, "MutatingAdmissionPolicyBinding"),
        (ADMISSION, "MutatingWebhookConfiguration"),
        (ADMISSION, "ValidatingAdmissionPolicy"),
        (ADMISSION, "ValidatingAdmissionPolicyBinding"),
        (ADMISSION, "ValidatingWebhookConfiguration"),
        (STORAGE, "CSIDriver"),
        (STORAGE, "CSINode"),
        (STORAGE, "VolumeAttachment"),
    }
)

# A DELETE answers with the object instead of a Status.
DELETED_RETURNED = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "Pod"),
        ("", "PodTemplate"),
        ("", "ResourceQuota"),
        ("", "Service"),
        ("", "ServiceAccount"),
        (STORAGE, "CSIDriver"),
        (STORAGE, "CSINode"),
        (STORAGE, "StorageClass"),
        (STORAGE, "VolumeAttachment"),
        (STORAGE, "VolumeAttributesClass"),
    }
)

# Dependents stay behind unless the deletion says otherwise.
ORPHANED_BY_DEFAULT = frozenset({("", "ReplicationController"), ("batch", "Job")})


def has(trait: frozenset[tuple[str, str]], kind: Kind) -> bool:
    return (kind.group, kind.kind) in trait
