"""What may not change in the kinds that make pods, and in storage."""

from __future__ import annotations

from typing import Any

from kube import quantities
from master.api.validation import jobs, storage, workloads
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object

SPEC = ROOT / "spec"
STATEFUL = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
CHANGING = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
CLAIM = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _same(obj: Object, old: Object, name: str, at: Path, out: Problems) -> None:
    if obj.get(name) != old.get(name):
        out.invalid(at / name, obj.get(name), IMMUTABLE)


def _same_in_spec(obj: Object, old: Object, out: Problems, *fields: str) -> None:
    for name in fields:
        _same(obj.get("spec") or {}, old.get("spec") or {}, name, SPEC, out)


# Workloads


def deployment(obj: Object, old: Object, out: Problems) -> None:
    workloads.deployment(obj, out)
    _same_in_spec(obj, old, out, "selector")


def replica_set(obj: Object, old: Object, out: Problems) -> None:
    workloads.replica_set(obj, out)
    _same_in_spec(obj, old, out, "selector")


def daemon_set(obj: Object, old: Object, out: Problems) -> None:
    workloads.daemon_set(obj, out)
    _same_in_spec(obj, old, out, "selector")


def stateful_set(obj: Object, old: Object, out: Problems) -> None:
    workloads.stateful_set(obj, out)
    if _fixed(obj.get("spec") or {}) != _fixed(old.get("spec") or {}):
        out.forbidden(SPEC, STATEFUL)


def _fixed(spec: Object) -> Object:
    kept = {name: value for name, value in spec.items() if name not in CHANGING and value}
    if claims := kept.get("volumeClaimTemplates"):
        kept["volumeClaimTemplates"] = [{k: v for k, v in claim.items() if k != "status"} for claim in claims]
    return kept


def job(obj: Object, old: Object, out: Problems) -> None:
    jobs.job(obj, out)
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    if not elastic:
        _same(spec, before, "completions", SPEC, out)
    for name in (
        "selector",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ):
        _same(spec, before, name, SPEC, out)
    if not (before.get("suspend") and not (old.get("status") or {}).get("startTime")):
        _same(spec, before, "template", SPEC, out)


def controller_revision(obj: Object, old: Object, out: Problems) -> None:
    workloads.controller_revision(obj, out)
    _same(obj, old, "data", ROOT, out)


# Storage


def volume(obj: Object, old: Object, out: Problems) -> None:
    storage.volume(obj, out)
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    if _sources(spec) != _sources(before):
        out.forbidden(SPEC / "persistentvolumesource", "spec.persistentvolumesource is immutable after creation")
    _same(spec, before, "volumeMode", SPEC, out)


def _sources(spec: Object) -> Object:
    return {name: value for name, value in spec.items() if name in storage.VOLUME_SOURCES}


def claim(obj: Object, old: Object, out: Problems) -> None:
    storage.claim(obj, out)
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    if _claimed(spec, before) != _claimed(before, before):
        out.forbidden(SPEC, CLAIM)
    had, has = _requested(before), _requested(spec)
    if had and has and quantities.parse(has) < quantities.parse(had):
        said = "field can not be less than status.capacity"
        out.forbidden(SPEC / "resources" / "requests" / "storage", said)
    _same(spec, before, "volumeMode", SPEC, out)


def _claimed(spec: Object, before: Object) -> Object:
    """A bound claim may ask for more; an unbound one may be told its volume, and a class where it had none."""
    kept: dict[str, Any] = {name: value for name, value in spec.items() if name != "volumeAttributesClassName"}
    if before.get("volumeName"):
        kept.pop("resources", None)
    else:
        kept.pop("volumeName", None)
    if before.get("storageClassName") is None:
        kept.pop("storageClassName", None)
    return {name: value for name, value in kept.items() if value}


def _requested(spec: Object) -> str:
    requests: dict[str, str] = (spec.get("resources") or {}).get("requests") or {}
    return requests.get("storage") or ""


def storage_class(obj: Object, old: Object, out: Problems) -> None:
    for name in ("parameters", "provisioner", "reclaimPolicy"):
        if obj.get(name) != old.get(name):
            out.forbidden(ROOT / name, f"updates to {name} are forbidden.")
    _same(obj, old, "volumeBindingMode", ROOT, out)


def attachment(obj: Object, old: Object, out: Problems) -> None:
    storage.attachment(obj, out)
    if obj.get("spec") != old.get("spec"):
        out.invalid(SPEC, obj.get("spec"), IMMUTABLE)
