"""Volumes and the claims on them, storage classes, drivers and attachments."""

from __future__ import annotations

from kube import names, quantities
from master.api.validation.labels import selector
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.resources import check_amount
from master.api.validation.rules import (
    Object,
    Rule,
    always,
    check,
    each,
    inner,
    one_of,
    optional,
    pointer,
    pointer_of,
    present,
    required,
)
from master.api.validation.scheduling import NODE_SELECTOR
from master.api.validation.volumes import SOURCES, check_source, no_backsteps

SPEC = ROOT / "spec"
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
RECLAIM = ("Delete", "Recycle", "Retain")
# What a PersistentVolume may be made of: the sources of pods' volumes, less those that belong to one pod.
OF_PODS_ONLY = frozenset(
    {
        "emptyDir",
        "gitRepo",
        "secret",
        "configMap",
        "downwardAPI",
        "projected",
        "ephemeral",
        "image",
        "photonPersistentDisk",
    }
)
VOLUME_SOURCES = {
    **{name: rules for name, rules in SOURCES.items() if name not in OF_PODS_ONLY},
    "local": (required("path", no_backsteps),),
    "csi": (required("driver", names.dns1123_subdomain), required("volumeHandle")),
}


def access_modes(obj: Object, at: Path, out: Problems) -> None:
    modes = obj.get("accessModes") or ()
    for mode in modes:
        if mode not in ACCESS_MODES:
            out.unsupported(at / "accessModes", mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        out.forbidden(at / "accessModes", "may not use ReadWriteOncePod with other access modes")


# Claims


def check_claim_spec(spec: Object, at: Path, out: Problems) -> None:
    if not spec.get("accessModes"):
        out.required(at / "accessModes", "at least 1 access mode is required")
    check((selector("selector"), access_modes), spec, at, out)
    _claimed_storage(spec, at / "resources", out)
    check(
        (
            pointer("storageClassName", _class_name),
            pointer_of("volumeMode", VOLUME_MODES),
            present("dataSource", *REFERENCE),
            present("dataSourceRef", *REFERENCE),
            pointer("volumeAttributesClassName", _class_name),
        ),
        spec,
        at,
        out,
    )


REFERENCE = (required("name"), required("kind"))


def _class_name(name: str) -> list[str]:
    return names.dns1123_subdomain(name) if name else []


def _claimed_storage(spec: Object, at: Path, out: Problems) -> None:
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        out.required(at["storage"])
    elif quantities.parse(size).nanos <= 0:
        out.invalid(at["storage"], size, "must be greater than zero")


def claim(obj: Object, out: Problems) -> None:
    check_claim_spec(obj.get("spec") or {}, SPEC, out)


# Volumes


def volume(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        out.required(SPEC / "accessModes")
    access_modes(spec, SPEC, out)
    _capacity(spec.get("capacity"), SPEC / "capacity", out)
    if spec.get("persistentVolumeReclaimPolicy") not in RECLAIM:
        out.unsupported(SPEC / "persistentVolumeReclaimPolicy", spec.get("persistentVolumeReclaimPolicy"), RECLAIM)
    present("nodeAffinity", _volume_affinity)(spec, SPEC, out)
    check_source({k: v for k, v in spec.items() if k in VOLUME_SOURCES}, SPEC, out, VOLUME_SOURCES)
    check(
        (optional("storageClassName", names.dns1123_subdomain), pointer_of("volumeMode", VOLUME_MODES)), spec, SPEC, out
    )
    if spec.get("local") is not None and not spec.get("nodeAffinity"):
        out.required(ROOT / "metadata" / "annotations", "Local volume requires node affinity")


def _volume_affinity(affinity: Object, at: Path, out: Problems) -> None:
    if affinity.get("required") is None:
        out.required(at / "required", "must specify required node constraints")
    else:
        check(NODE_SELECTOR, affinity["required"], at / "required", out)


def _capacity(capacity: Object | None, at: Path, out: Problems) -> None:
    if not capacity or "storage" not in capacity:
        out.required(at)
    if not capacity or list(capacity) != ["storage"]:
        out.unsupported(at, capacity, ("storage",))
    for name, text in (capacity or {}).items():
        check_amount(name, text, at[name], out)
        if quantities.parse(text).nanos == 0:
            out.invalid(at[name], text, "must be greater than zero")


# Classes, drivers, attachments


def storage_class(obj: Object, out: Problems) -> None:
    check(STORAGE_CLASS, obj, ROOT, out)


def lowered(name: str) -> Rule:
    """A qualified name, compared and shown in lower case."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = (obj.get(name) or "").lower()
        for detail in names.qualified_name(value) if value else ():
            out.invalid(at / name, value, detail)

    return rule


STORAGE_CLASS: tuple[Rule, ...] = (
    required("provisioner"),
    lowered("provisioner"),
    one_of("reclaimPolicy", ("Delete", "Retain")),
    one_of("volumeBindingMode", ("Immediate", "WaitForFirstConsumer"), missing="required"),
)

DRIVER_SPEC = (
    pointer_of("fsGroupPolicy", ("ReadWriteOnceWithFSType", "File", "None")),
    each("tokenRequests"),
)


def csi_driver(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    for name in ("attachRequired", "podInfoOnMount", "storageCapacity"):
        if spec.get(name) is None:
            out.required(SPEC / name)
    check(DRIVER_SPEC, spec, SPEC, out)
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in LIFECYCLES:
            out.unsupported(SPEC / "volumeLifecycleModes", mode, LIFECYCLES)


LIFECYCLES = ("Ephemeral", "Persistent")
CSI_NODE_DRIVER = (required("name", names.dns1123_subdomain), required("nodeID"))


def csi_node(obj: Object, out: Problems) -> None:
    check((inner("spec", each("drivers", *CSI_NODE_DRIVER)),), obj, ROOT, out)


def csi_capacity(obj: Object, out: Problems) -> None:
    check((required("storageClassName", names.dns1123_subdomain),), obj, ROOT, out)


def attributes_class(obj: Object, out: Problems) -> None:
    check((required("driverName"), required("parameters")), obj, ROOT, out)


def attachment(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((required("attacher", names.dns1123_subdomain),), spec, SPEC, out)
    source, here = spec.get("source") or {}, SPEC / "source"
    name, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
    if (name is None) == (inline is None):
        out.required(here, "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
    elif name is not None:
        if not name:
            out.required(here / "persistentVolumeName", "must specify non empty persistentVolumeName")
        check((always("persistentVolumeName", "", names.dns1123_subdomain),), source, here, out)
    check((always("nodeName", "", names.dns1123_subdomain),), spec, SPEC, out)
