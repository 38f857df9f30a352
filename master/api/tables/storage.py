"""The cells of volumes and their classes."""

from __future__ import annotations

from typing import Any

from master.api.tables.cells import value

Object = dict[str, Any]
MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
CLASS = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASSES = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def phase(obj: Object) -> str:
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else str(value(obj, "status.phase") or "")


def modes(found: list[str] | None) -> str:
    present = set(found or ())
    return ",".join(short for mode, short in MODES.items() if mode in present)


def volume_modes(volume: Object) -> str:
    return modes(value(volume, "spec.accessModes"))


def volume_claim(volume: Object) -> str:
    found = value(volume, "spec.claimRef") or {}
    return f"{found.get('namespace', '')}/{found.get('name', '')}" if found else ""


def claim_modes(claim: Object) -> str:
    return modes(value(claim, "status.accessModes")) if value(claim, "spec.volumeName") else ""


def claim_capacity(claim: Object) -> str:
    return str(value(claim, "status.capacity.storage") or "") if value(claim, "spec.volumeName") else ""


def storage_class(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(CLASS) or value(obj, "spec.storageClassName") or "")


def class_name(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    default = any(annotations.get(key) == "true" for key in DEFAULT_CLASSES)
    return f"{obj['metadata']['name']}{' (default)' if default else ''}"


def audiences(driver: Object) -> str:
    return ",".join(one.get("audience", "") for one in value(driver, "spec.tokenRequests") or ()) or "<unset>"
