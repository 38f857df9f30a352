"""Updating: what the old object has and a new one may not change, by the subresource that is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube import times
from kube.kinds import Kind, is_built_in
from master.api.defaults import apply_defaults
from master.api.strategies.tables import TEMPLATE_GENERATION, counted, counts

Object = dict[str, Any]

# Metadata that an update need not repeat, and may not take away.
REMEMBERED = ("uid", "creationTimestamp", "name", "namespace")
DYING = ("deletionTimestamp", "deletionGracePeriodSeconds")
CONTENT = frozenset({"metadata", "status", "apiVersion", "kind"})
# Kinds whose labels only an update of the object itself may change.
LABELS_KEPT = frozenset({"Deployment"})
# Kinds of which an update of the status changes nothing else of the metadata; custom resources are such as well.
METADATA_KEPT = frozenset({"APIService", "CustomResourceDefinition", "FlowSchema", "PriorityLevelConfiguration"})

# Subresources that bring something new, which has defaults.
COMPLETED = frozenset({("Pod", "ephemeralcontainers"), ("Service", "status")})


def prepare_update(kind: Kind, obj: Object, old: Object, subresource: str = "") -> None:
    meta, before = obj.setdefault("metadata", {}), old["metadata"]
    for name in REMEMBERED:
        if not meta.get(name) and name in before:
            meta[name] = before[name]
    for name in (*DYING, "generation"):
        if name in before:
            meta[name] = before[name]
        else:
            meta.pop(name, None)
    built_in = is_built_in(kind)
    if built_in and (kind.kind, subresource) in COMPLETED:
        apply_defaults(kind, obj)
    KEEP.get(subresource, _keep_rest)(kind, obj, old)
    finish = ON_UPDATE.get((kind.kind, subresource))
    if built_in and finish:
        finish(obj, old)
    if subresource != "status" and counts(kind) and _changed(counted(kind, obj, old), obj, old):
        meta["generation"] = (before.get("generation") or 0) + 1


def _changed(fields: set[tuple[str, ...]], obj: Object, old: Object) -> bool:
    return any(_at(obj, field) != _at(old, field) for field in fields)


def _at(obj: Object, field: tuple[str, ...]) -> Any:
    value: Any = obj
    for step in field:
        value = (value or {}).get(step)
    return value or None


def _keep_status(kind: Kind, obj: Object, old: Object) -> None:
    if kind.subresource("status"):
        _take(obj, old, "status")


def _keep_rest(kind: Kind, obj: Object, old: Object) -> None:
    """An update of the status, or of what a subresource stands for: the object itself stays."""
    for name in {*obj, *old} - CONTENT:
        _take(obj, old, name)
    if kind.kind in METADATA_KEPT or not is_built_in(kind):
        kept = {name: obj["metadata"][name] for name in ("resourceVersion", "managedFields") if name in obj["metadata"]}
        obj["metadata"] = {**old["metadata"], **kept}
    elif kind.kind in LABELS_KEPT:
        _take(obj["metadata"], old["metadata"], "labels")


def _take(obj: Object, old: Object, name: str) -> None:
    """By reference: an old object is never changed."""
    if name in old:
        obj[name] = old[name]
    else:
        obj.pop(name, None)


KEEP: dict[str, Callable[[Kind, Object, Object], None]] = {
    "": _keep_status,
    "scale": _keep_status,
    "resize": _keep_status,
    "ephemeralcontainers": _keep_status,
    "finalize": _keep_status,
}


def _pod_status(obj: Object, old: Object) -> None:
    _take(obj["metadata"], old["metadata"], "ownerReferences")
    if quality := (old.get("status") or {}).get("qosClass"):
        obj.setdefault("status", {})["qosClass"] = quality


def _namespace(obj: Object, old: Object) -> None:
    _take(obj.setdefault("spec", {}), old.get("spec") or {}, "finalizers")


def _definition(obj: Object, _old: Object) -> None:
    """A version that objects are stored in from now on is one that they were stored in."""
    status = obj.setdefault("status", {})
    stored = status.get("storedVersions") or []
    new = [one["name"] for one in obj["spec"].get("versions") or () if one.get("storage") and one["name"] not in stored]
    if new:
        status["storedVersions"] = [*stored, *new]


def _daemon_set(obj: Object, old: Object) -> None:
    """The template's own count of changes, which clients may not write."""
    before = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "0")
    count = int(before) + (obj["spec"].get("template") != old["spec"].get("template"))
    obj["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = str(count)


def _request(obj: Object, old: Object) -> None:
    _take(obj, old, "spec")


def _signed(obj: Object, old: Object) -> None:
    """The signer writes the certificate; approval and denial are not its to give or take."""
    decided = {"Approved", "Denied"}
    status = obj.setdefault("status", {})
    said = [each for each in status.get("conditions") or () if each.get("type") not in decided]
    kept = [each for each in (old.get("status") or {}).get("conditions") or () if each.get("type") in decided]
    if kept or said:
        status["conditions"] = [*kept, *said]
        _date(status["conditions"], old)


def _approval(obj: Object, old: Object) -> None:
    status = obj.setdefault("status", {})
    _take(status, old.get("status") or {}, "certificate")
    _date(status.get("conditions") or [], old)


def _date(conditions: list[Object], old: Object) -> None:
    """When each came and last changed, where it does not say."""
    before = {each.get("type"): each for each in (old.get("status") or {}).get("conditions") or ()}
    for each in conditions:
        known = before.get(each.get("type")) or {}
        since = known.get("lastTransitionTime") if known.get("status") == each.get("status") else None
        each["lastUpdateTime"] = each.get("lastUpdateTime") or times.now()
        each["lastTransitionTime"] = each.get("lastTransitionTime") or since or times.now()


def _ephemeral(obj: Object, old: Object) -> None:
    """Only ephemeral containers are taken from such an update."""
    spec = {**old["spec"]}
    _take(spec, obj.get("spec") or {}, "ephemeralContainers")
    obj["spec"] = spec


def _resize(obj: Object, old: Object) -> None:
    """Only the resources of containers are taken from a resize."""
    asked, spec = obj.get("spec", {}), {**old["spec"]}
    for listing in ("containers", "initContainers"):
        sizes = {item.get("name"): item.get("resources") for item in asked.get(listing) or ()}
        if listing in spec:
            spec[listing] = [_sized(container, sizes.get(container["name"])) for container in spec[listing]]
    obj["spec"] = spec


def _sized(container: Object, resources: Object | None) -> Object:
    return container if resources is None else {**container, "resources": resources}


ON_UPDATE: dict[tuple[str, str], Callable[[Object, Object], None]] = {
    ("CertificateSigningRequest", ""): _request,
    ("CertificateSigningRequest", "approval"): _approval,
    ("CertificateSigningRequest", "status"): _signed,
    ("CustomResourceDefinition", ""): _definition,
    ("DaemonSet", ""): _daemon_set,
    ("Namespace", ""): _namespace,
    ("Pod", "ephemeralcontainers"): _ephemeral,
    ("Pod", "resize"): _resize,
    ("Pod", "status"): _pod_status,
}
