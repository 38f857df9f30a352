"""Field selectors: which fields of a kind can be selected by, and their values taken from an object.

Facts of Kubernetes 1.36.  `metadata.name` and `metadata.namespace` can be selected by on every kind; they are not kept
among the values, an entry has them anyway.  A value that is missing selects as the empty string.
"""

from __future__ import annotations

from typing import Any

from kube.errors import bad_request
from kube.kinds import Kind

Object = dict[str, Any]
NO_FIELDS: tuple[str, ...] = ()
EVERYWHERE = ("metadata.name", "metadata.namespace")

_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT = (*(f"involvedObject.{name}" for name in _REFERENCE), "reason", "reportingComponent", "source", "type")
_EVENT_IN_ITS_GROUP = (*(f"regarding.{name}" for name in _REFERENCE), "reason", "reportingController", "source", "type")
"""The same, as events.k8s.io/v1 names them."""

SELECTABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (
        "spec.nodeName",
        "status.phase",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    ("", "Event"): _EVENT,
    ("events.k8s.io", "Event"): _EVENT_IN_ITS_GROUP,
    ("", "Namespace"): ("status.phase",),
    ("", "Node"): ("spec.unschedulable",),
    ("", "ReplicationController"): ("status.replicas",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP", "spec.type"),
    ("apps", "ReplicaSet"): ("status.replicas",),
    ("batch", "Job"): ("status.successful",),
    ("certificates.k8s.io", "CertificateSigningRequest"): ("spec.signerName",),
    ("networking.k8s.io", "IPAddress"): ("spec.parentRef.namespace", "spec.parentRef.name", "spec.parentRef.resource"),
    ("resource.k8s.io", "ResourceSlice"): ("spec.nodeName", "spec.driver"),
}
"""(group, kind) → fields, in the order of an entry's values; those of a Pod begin with what watchers are indexed by.

A kind served over another's store has the other's fields in their order, under names of its own.
"""

INDEXED = ("", "Pod")
"""Whose watchers are indexed by node: the first selectable field, `spec.nodeName`."""

# What an object that lacks the field selects as, where it is not the empty string.
ABSENT = {
    "spec.unschedulable": "false",
    "spec.hostNetwork": "false",
    "status.replicas": "0",
    "status.successful": "0",
}


def fields_of(kind: Kind) -> tuple[str, ...]:
    """Those whose values an entry keeps."""
    if kind.custom is not None:
        return kind.custom.indexed
    return SELECTABLE.get((kind.group, kind.kind), NO_FIELDS)


def selectable_values(kind: Kind, obj: Object) -> tuple[str, ...]:
    """The object's values of `fields_of(kind)`, in that order."""
    fields = fields_of(kind)
    return tuple([_value(obj, field) for field in fields]) if fields else NO_FIELDS


def check_supported(kind: Kind, field: str) -> None:
    known = fields_of(kind) if kind.custom is None else kind.custom.selectable
    if field not in EVERYWHERE and field not in known:
        raise bad_request(f"field label not supported: {field}")


def _value(obj: Object, field: str) -> str:
    if field == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    if field == "status.podIPs":
        return ",".join(each.get("ip", "") for each in (obj.get("status") or {}).get("podIPs") or ())
    found: Any = obj
    for part in field.split("."):
        found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            return ABSENT.get(field, "")
    if found is True or found is False:
        return "true" if found else "false"
    return str(found)
