"""Volumes of a pod: exactly one source each, and what every kind of source must say."""

from __future__ import annotations

from kube import names, quantities
from master.api.validation.labels import selector
from master.api.validation.problems import Path, Problems
from master.api.validation.rules import (
    Object,
    Rule,
    Rules,
    check,
    each,
    one_of,
    optional,
    pointer,
    present,
    required,
)

BAD_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
POD_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
CONTAINER_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
HOST_PATHS = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")


# Tests of paths


def no_backsteps(path: str) -> tuple[str, ...]:
    return ("must not contain '..'",) if ".." in path.split("/") else ()


def relative(path: str) -> tuple[str, ...]:
    return ("must be a relative path",) if path.startswith("/") else ()


def absolute(path: str) -> tuple[str, ...]:
    return () if path.startswith("/") else ("must be an absolute path",)


def within_volume(path: str) -> tuple[str, ...]:
    """A relative path that does not leave the volume, nor hides in the directory of the atomic writer."""
    if said := (*relative(path), *no_backsteps(path)):
        return said
    return ("must not start with '..'",) if path.startswith("..") else ()


def mode(bits: int) -> tuple[str, ...]:
    return () if 0 <= bits <= 0o777 else (BAD_MODE,)


# Files made of keys, fields and tokens

KEY_TO_PATH = (required("key"), required("path", within_volume), pointer("mode", mode))
KEYS = (pointer("defaultMode", mode), each("items", *KEY_TO_PATH))


def downward_field(reference: Object, at: Path, out: Problems) -> None:
    """`metadata.labels`, `metadata.annotations['KEY']`, ...: what a pod may read of itself as a file."""
    check_field_reference(reference, at, out, POD_FIELDS)


def check_field_reference(reference: Object, at: Path, out: Problems, supported: tuple[str, ...]) -> None:
    path = reference.get("fieldPath") or ""
    if not reference.get("apiVersion"):
        out.required(at / "apiVersion")
    elif not path:
        out.required(at / "fieldPath")
    elif path.endswith("']") and path.startswith(("metadata.annotations['", "metadata.labels['")):
        key = path[path.index("'") + 1 : -2]
        for detail in names.qualified_name(key.lower() if "annotations" in path else key):
            out.invalid(at / "fieldPath", key, detail)
    elif path not in supported:
        out.unsupported(at / "fieldPath", path, supported)


def resource_reference(reference: Object, at: Path, out: Problems) -> None:
    resource = reference.get("resource") or ""
    if not resource:
        out.required(at / "resource")
    elif resource not in CONTAINER_RESOURCES and not resource.startswith(("requests.hugepages-", "limits.hugepages-")):
        out.unsupported(at / "resource", resource, CONTAINER_RESOURCES)


def downward_item(item: Object, at: Path, out: Problems) -> None:
    check((required("path", within_volume), pointer("mode", mode)), item, at, out)
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None and resource is not None:
        out.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif field is not None:
        downward_field(field, at / "fieldRef", out)
    elif resource is not None:
        if not resource.get("containerName"):
            out.required(at / "resourceFieldRef" / "containerName")
        resource_reference(resource, at / "resourceFieldRef", out)
    else:
        out.required(at, "one of fieldRef and resourceFieldRef is required")


def _token_expiry(seconds: int) -> tuple[str, ...]:
    if seconds < 600:
        return ("may not specify a duration less than 10 minutes",)
    return () if seconds <= 1 << 32 else ("may not specify a duration larger than 2^32 seconds",)


PROJECTIONS: dict[str, Rules] = {
    "secret": (required("name"), each("items", *KEY_TO_PATH)),
    "configMap": (required("name"), each("items", *KEY_TO_PATH)),
    "downwardAPI": (each("items", downward_item),),
    "serviceAccountToken": (
        pointer("expirationSeconds", _token_expiry),
        required("path", within_volume),
    ),
    "clusterTrustBundle": (required("path", within_volume), selector("labelSelector")),
    "podCertificate": (required("signerName"), required("keyType")),
}


def projection(source: Object, at: Path, out: Problems) -> None:
    given = [name for name in PROJECTIONS if source.get(name) is not None]
    for name in given[:1]:
        check(PROJECTIONS[name], source[name], at / name, out)
    for name in given[1:]:
        out.forbidden(at / name, "may not specify more than 1 volume type per source")


# The sources

PORTAL = (required("targetPortal"), required("iqn"))


def _ephemeral(obj: Object, at: Path, out: Problems) -> None:
    if obj.get("volumeClaimTemplate") is None:
        out.required(at / "volumeClaimTemplate")


def _size_limit(obj: Object, at: Path, out: Problems) -> None:
    size = obj.get("sizeLimit")
    if size is not None and quantities.parse(size).nanos < 0:
        out.forbidden(at / "sizeLimit", "SizeLimit field must be a valid resource quantity")


SOURCES: dict[str, Rules] = {
    "emptyDir": (_size_limit,),
    "hostPath": (required("path", no_backsteps), one_of("type", HOST_PATHS)),
    "gitRepo": (required("repository"), optional("directory", within_volume)),
    "gcePersistentDisk": (required("pdName"),),
    "awsElasticBlockStore": (required("volumeID"),),
    "secret": (required("secretName"), *KEYS),
    "nfs": (required("server"), required("path", absolute)),
    "iscsi": PORTAL,
    "glusterfs": (required("endpoints"), required("path")),
    "flocker": (),
    "rbd": (required("monitors"), required("image")),
    "cinder": (required("volumeID"),),
    "cephfs": (required("monitors"),),
    "quobyte": (required("registry"), required("volume")),
    "downwardAPI": (pointer("defaultMode", mode), each("items", downward_item)),
    "fc": (),
    "flexVolume": (required("driver"),),
    "configMap": (required("name"), *KEYS),
    "azureFile": (required("secretName"), required("shareName")),
    "vsphereVolume": (required("volumePath"),),
    "photonPersistentDisk": (required("pdID"),),
    "portworxVolume": (required("volumeID"),),
    "azureDisk": (required("diskName"), required("diskURI")),
    "storageos": (),
    "scaleIO": (required("gateway"), required("system"), required("volumeName")),
    "projected": (pointer("defaultMode", mode), each("sources", projection)),
    "csi": (required("driver", names.dns1123_subdomain), present("nodePublishSecretRef", required("name"))),
    "ephemeral": (_ephemeral,),
    "image": (required("reference"), one_of("pullPolicy", ("Always", "IfNotPresent", "Never"))),
}
CLAIM = (required("claimName"),)
POD_SOURCES = {**SOURCES, "persistentVolumeClaim": CLAIM}


def check_source(obj: Object, at: Path, out: Problems, sources: dict[str, Rules]) -> None:
    """The rules of the source that is there; a second one is forbidden by name."""
    given = [name for name in obj if name in sources and obj[name] is not None]
    for name in given[:1]:
        check(sources[name], obj[name], at / name, out)
    for name in given[1:]:
        out.forbidden(at / name, "may not specify more than 1 volume type")
    if not given:
        out.required(at, "must specify a volume type")


def volumes(obj: Object, at: Path, out: Problems) -> frozenset[str]:
    """The names of the volumes that can be mounted: those that are sound."""
    sound: set[str] = set()
    here = at / "volumes"
    for index, volume in enumerate(obj.get("volumes") or ()):
        before = len(out)
        _volume(volume, here / index, out, sound)
        if len(out) == before:
            sound.add(volume["name"])
    return frozenset(sound)


def _volume(volume: Object, at: Path, out: Problems, taken: set[str]) -> None:
    check_source(volume, at, out, POD_SOURCES)
    name = volume.get("name")
    if not name:
        out.required(at / "name")
        return
    for detail in names.dns1123_label(name):
        out.invalid(at / "name", name, detail)
    if name in taken:
        out.duplicate(at / "name", name)


# Mounts


def mounts(volume_names: frozenset[str], device_paths: frozenset[str] = frozenset()) -> Rule:
    """The rule for volumeMounts of one container in a pod with these volumes."""

    def rule(container: Object, at: Path, out: Problems) -> None:
        found = container.get("volumeMounts")
        if not found:
            return
        seen: set[str] = set()
        here = at / "volumeMounts"
        for index, mount in enumerate(found):
            _mount(mount, here, index, out, volume_names)
            path = mount.get("mountPath") or ""
            if path in seen:
                out.invalid(here / index / "mountPath", path, "must be unique")
            if path in device_paths:
                out.invalid(here / index / "mountPath", path, "must not already exist as a path in volumeDevices")
            if path:
                seen.add(path)

    return rule


def _mount(mount: Object, here: Path, index: int, out: Problems, volume_names: frozenset[str]) -> None:
    name = mount.get("name") or ""
    if not name:
        out.required(here / index / "name")
    if name not in volume_names:
        out.not_found(here / index / "name", name)
    if not mount.get("mountPath"):
        out.required(here / index / "mountPath")
    _subpath(mount, here, out)
    propagation = mount.get("mountPropagation")
    if propagation is not None and propagation not in PROPAGATIONS:
        out.unsupported(here / "mountPropagation", propagation, PROPAGATIONS)


def _subpath(mount: Object, here: Path, out: Problems) -> None:
    """The server names the list here, not the item."""
    plain, expanded = mount.get("subPath"), mount.get("subPathExpr")
    for name, path in (("subPath", plain), ("subPathExpr", expanded)):
        for detail in (*relative(path), *no_backsteps(path)) if path else ():
            out.invalid(here / name, path, detail)
    if plain and expanded:
        out.invalid(here / "subPathExpr", expanded, "subPathExpr and subPath are mutually exclusive")


def devices(container: Object, at: Path, out: Problems) -> None:
    seen: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        here = at / "volumeDevices" / index
        check((required("name"), required("devicePath", no_backsteps)), device, here, out)
        path = device.get("devicePath") or ""
        if path in seen:
            out.invalid(here / "devicePath", path, "must be unique")
        if path:
            seen.add(path)
