"""Kind → its rules at creation, at an update, and at an update of one of its subresources."""

from __future__ import annotations

from collections.abc import Callable

from master.api.validation import config, pods, services, storage, workloads
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
    "ConfigMap": config.config_map,
    "ControllerRevision": workloads.controller_revision,
    "CSIDriver": storage.csi_driver,
    "CSINode": storage.csi_node,
    "CSIStorageCapacity": storage.csi_capacity,
    "DaemonSet": workloads.daemon_set,
    "Deployment": workloads.deployment,
    "PersistentVolume": storage.volume,
    "PersistentVolumeClaim": storage.claim,
    "Pod": pods.pod,
    "PodTemplate": pods.pod_template,
    "ReplicaSet": workloads.replica_set,
    "ReplicationController": workloads.replication_controller,
    "Secret": config.secret,
    "Service": services.service,
    "StatefulSet": workloads.stateful_set,
    "StorageClass": storage.storage_class,
    "VolumeAttachment": storage.attachment,
    "VolumeAttributesClass": storage.attributes_class,
}

UPDATE: dict[str, Update] = {
    "ConfigMap": config.config_map_update,
    "Secret": config.secret_update,
    "Service": services.service_update,
}

STATUS: dict[tuple[str, str], Update] = {}
