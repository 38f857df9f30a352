"""ObjectMeta: what every object says about itself, at its creation and at every change."""

from __future__ import annotations

import re

from kube import names
from master.api.validation.labels import check_annotations, check_labels
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, Test, check, required

METADATA = ROOT / "metadata"
IMMUTABLE = "field is immutable"
STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
UNQUALIFIED = "name is neither a standard finalizer name nor is it fully qualified"


# The names of a kind, where they are not DNS subdomains.
NAMES: dict[str, Test] = {
    "Namespace": names.dns1123_label,
    "Service": names.dns1123_label,
    "StatefulSet": names.dns1123_label,
    "APIService": names.path_segment,
    "CertificateSigningRequest": names.path_segment,
    "ClusterRole": names.path_segment,
    "ClusterRoleBinding": names.path_segment,
    "Event": names.path_segment,
    "PodDisruptionBudget": names.path_segment,
    "Role": names.path_segment,
    "RoleBinding": names.path_segment,
}

REFERENCE = (
    required("apiVersion", detail="version must not be empty"),
    required("kind", detail="kind must not be empty"),
    required("name", detail="name must not be empty"),
    required("uid", detail="uid must not be empty"),
)


def validate_metadata(obj: Object, out: Problems, namespaced: bool, kind: str) -> None:
    check_metadata(obj.get("metadata") or {}, METADATA, out, namespaced, NAMES.get(kind, names.dns1123_subdomain))


def check_metadata(meta: Object, at: Path, out: Problems, namespaced: bool, test: Test) -> None:
    """At creation, and again of what an update may change."""
    name, generate = meta.get("name"), meta.get("generateName")
    if generate:
        for detail in test(re.sub("-$", "a", generate)):
            out.invalid(at / "generateName", generate, detail)
    if not name:
        out.required(at / "name", "name or generateName is required")
    else:
        for detail in test(name):
            out.invalid(at / "name", name, detail)
    _namespace(meta, at, out, namespaced)
    check_mutable(meta, at, out)


def _namespace(meta: Object, at: Path, out: Problems, namespaced: bool) -> None:
    namespace = meta.get("namespace")
    if not namespaced:
        if namespace:
            out.forbidden(at / "namespace", "not allowed on this type")
    elif not namespace:
        out.required(at / "namespace")
    else:
        for detail in names.dns1123_label(namespace):
            out.invalid(at / "namespace", namespace, detail)


def check_mutable(meta: Object, at: Path, out: Problems) -> None:
    """Labels, annotations, owners, finalizers: what is checked at every write."""
    generation = meta.get("generation") or 0
    if generation < 0:
        out.invalid(at / "generation", generation, "must be greater than or equal to 0")
    if found := meta.get("labels"):
        check_labels(found, at / "labels", out)
    if found := meta.get("annotations"):
        check_annotations(found, at / "annotations", out)
    if meta.get("ownerReferences"):
        _owners(meta["ownerReferences"], at / "ownerReferences", out)
    for index, finalizer in enumerate(meta.get("finalizers") or ()):
        _finalizer(finalizer, at / "finalizers" / index, out)


def _owners(owners: list[Object], at: Path, out: Problems) -> None:
    controller = ""
    for index, owner in enumerate(owners):
        check(REFERENCE, owner, at / index, out)
        if owner.get("kind") == "Event" and owner.get("apiVersion") == "v1":
            out.invalid(at / index, owner, "/v1, Kind=Event is disallowed from being an owner")
        if not owner.get("controller"):
            continue
        if controller:
            said = 'Only one reference can have Controller set to true. Found "true" in references for {} and {}'
            out.invalid(at, owners, said.format(controller, owner.get("name")))
        controller = owner.get("name") or "?"


def _finalizer(finalizer: str, at: Path, out: Problems) -> None:
    for detail in names.qualified_name(finalizer):
        out.invalid(at, finalizer, detail)
    if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
        out.invalid(at, finalizer, UNQUALIFIED)


# Updates

IDENTITY = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def validate_metadata_update(obj: Object, old: Object, out: Problems) -> None:
    meta, before = obj.get("metadata") or {}, old.get("metadata") or {}
    _finalizers_of_deleted(meta, before, out)
    for name in IDENTITY:
        if meta.get(name) != before.get(name):
            out.invalid(METADATA / name, meta.get(name), IMMUTABLE)
    if (meta.get("generation") or 0) < (before.get("generation") or 0):
        out.invalid(METADATA / "generation", meta.get("generation"), "must not be decremented")
    check_mutable(meta, METADATA, out)


def _finalizers_of_deleted(meta: Object, before: Object, out: Problems) -> None:
    if not before.get("deletionTimestamp"):
        return
    added = sorted(set(meta.get("finalizers") or ()) - set(before.get("finalizers") or ()))
    if added:
        listed = ", ".join(f'"{finalizer}"' for finalizer in added)
        said = (
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        )
        out.forbidden(METADATA / "finalizers", said)
