"""How an object goes: preconditions, grace, finalizers and what is to become of its dependents.  Pure.

`plan` answers what a DELETE makes of an object: gone at once, or kept with a deletionTimestamp until its finalizers are
empty and its grace is over.  `is_over` is asked after every later update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from kube import times
from kube.errors import conflict
from kube.kinds import Kind
from master.api.customs import ending
from master.api.options import Deletion
from master.api.traits import ORPHANED_BY_DEFAULT, has

Object = dict[str, Any]

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Going:
    """`object` as it is now to be stored, or, when `now`, as it was at its end."""

    object: Object
    now: bool
    changed: bool


def check_preconditions(kind: Kind, obj: Object, deletion: Deletion) -> None:
    meta = obj["metadata"]
    if deletion.uid and deletion.uid != meta.get("uid"):
        raise conflict(kind.kind, meta["name"], _differs("UID", deletion.uid, meta.get("uid"), _RECREATED))
    if deletion.revision and deletion.revision != meta.get("resourceVersion"):
        found = meta.get("resourceVersion")
        raise conflict(kind.kind, meta["name"], _differs("ResourceVersion", deletion.revision, found, _MODIFIED))


_RECREATED = "The object might have been deleted and then recreated"
_MODIFIED = "The object might have been modified"


def _differs(what: str, wanted: str, found: str | None, why: str) -> str:
    return f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). {why}"


def plan(kind: Kind, old: Object, deletion: Deletion, now: str) -> Going:
    check_preconditions(kind, old, deletion)
    obj: Object = orjson.loads(orjson.dumps(old))  # a copy, at a tenth of deepcopy's cost
    meta = obj["metadata"]
    finalizers = _finalizers(kind, meta.get("finalizers") or [], deletion)
    if finalizers:
        meta["finalizers"] = finalizers
    else:
        meta.pop("finalizers", None)
    _MARKS.get((kind.group, kind.kind), _mark)(obj, deletion, now)
    if is_over(kind, obj):
        return Going(obj, now=True, changed=True)
    if not meta.get("deletionTimestamp"):
        _begin(meta, now, 0)
    return Going(obj, now=False, changed=obj != old)


def is_over(kind: Kind, obj: Object) -> bool:
    """Nothing holds the object any more: it has to leave the store."""
    meta = obj["metadata"]
    if meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    if kind.group == "" and kind.kind == "Namespace" and (obj.get("spec") or {}).get("finalizers"):
        return False
    return "deletionTimestamp" in meta or _goes_unmarked(kind)


def left_by_update(kind: Kind, obj: Object) -> bool:
    """Whether an update took the last thing that held a dying object."""
    return "deletionTimestamp" in obj["metadata"] and is_over(kind, obj)


def _goes_unmarked(kind: Kind) -> bool:
    return (kind.group, kind.kind) not in _MARKS


def _finalizers(kind: Kind, present: list[str], deletion: Deletion) -> list[str]:
    """The object's finalizers with those that ask the garbage collector to treat dependents as wanted."""
    others = [one for one in present if one not in (ORPHAN, FOREGROUND)]
    orphan, foreground = _wanted(kind, present, deletion)
    return others + [ORPHAN] * orphan + [FOREGROUND] * foreground


def _wanted(kind: Kind, present: list[str], deletion: Deletion) -> tuple[bool, bool]:
    if deletion.orphan is not None:
        return deletion.orphan, False
    if deletion.propagation:
        return deletion.propagation == "Orphan", deletion.propagation == "Foreground"
    if ORPHAN in present or FOREGROUND in present:
        return ORPHAN in present, FOREGROUND in present
    return has(ORPHANED_BY_DEFAULT, kind), False


# How kinds are marked as going; most are only marked when finalizers hold them.


def _mark(_obj: Object, _deletion: Deletion, _now: str) -> None:
    """No grace of its own."""


def _mark_pod(pod: Object, deletion: Deletion, now: str) -> None:
    meta, grace = pod["metadata"], _grace(pod, deletion)
    if "deletionTimestamp" not in meta:
        _begin(meta, now, grace)
    elif deletion.grace is not None and grace < (meta.get("deletionGracePeriodSeconds") or 0):
        began = times.parse(meta["deletionTimestamp"]) - timedelta(seconds=meta["deletionGracePeriodSeconds"])
        meta["deletionTimestamp"] = times.text(began + timedelta(seconds=grace))
        meta["deletionGracePeriodSeconds"] = grace


def _grace(pod: Object, deletion: Deletion) -> int:
    """Seconds a pod gets to end: none when no node runs it."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ENDED:
        return 0
    wanted = deletion.grace
    if wanted is None:
        wanted = spec.get("terminationGracePeriodSeconds")
    return 30 if wanted is None else int(wanted)


def _mark_namespace(namespace: Object, _deletion: Deletion, now: str) -> None:
    namespace["metadata"].setdefault("deletionTimestamp", now)
    namespace.setdefault("status", {})["phase"] = "Terminating"


def _mark_definition(definition: Object, _deletion: Deletion, now: str) -> None:
    """It goes after its objects."""
    ending.mark(definition, now)


def _begin(meta: Object, now: str, grace: int) -> None:
    meta["deletionTimestamp"] = times.text(times.parse(now) + timedelta(seconds=grace)) if grace else now
    meta["deletionGracePeriodSeconds"] = grace
    if meta.get("generation"):
        meta["generation"] += 1


_MARKS: dict[tuple[str, str], Callable[[Object, Deletion, str], None]] = {
    ("", "Pod"): _mark_pod,
    ("", "Namespace"): _mark_namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _mark_definition,
}
