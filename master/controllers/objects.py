"""Words about objects that several controllers share: owners, conditions, readiness of pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kube import kinds, times
from kube.kinds import Kind

Object = dict[str, Any]
Key = tuple[str, str]
ENDED = frozenset(("Succeeded", "Failed"))


def kind(api_version: str, name: str) -> Kind:
    return kinds.kind_of({"apiVersion": api_version, "kind": name})


def key_of(obj: Object) -> Key:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def controller_of(obj: Object) -> Object | None:
    """The owner reference that controls the object."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def controller_uid(obj: Object) -> str:
    reference = controller_of(obj)
    return reference["uid"] if reference else ""


def owner_reference(row: Kind, owner: Object) -> Object:
    return {
        "apiVersion": row.api_version,
        "kind": row.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_deleting(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def condition(obj: Object, type_: str) -> Object | None:
    for item in (obj.get("status") or {}).get("conditions") or ():
        if item["type"] == type_:
            return dict(item)
    return None


def is_true(obj: Object, type_: str) -> bool:
    found = condition(obj, type_)
    return found is not None and found["status"] == "True"


def is_ended(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ENDED


def is_active(pod: Object) -> bool:
    """Counts as a replica: neither ended nor on its way out."""
    return not is_ended(pod) and not is_deleting(pod)


def is_ready(pod: Object) -> bool:
    return is_true(pod, "Ready")


def seconds_until_available(pod: Object, min_ready: int, now: datetime) -> float | None:
    """0 when the pod has been ready for long enough, seconds until it will have been, None while it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    if not min_ready:
        return 0.0
    since = times.parse(ready["lastTransitionTime"])
    return max(0.0, min_ready - (now - since).total_seconds())


def set_condition(conditions: Sequence[Object], new: Object, now: str) -> list[Object]:
    """The conditions with this one in its place; its lastTransitionTime moves only with its status."""
    kept = [dict(item) for item in conditions]
    for at, item in enumerate(kept):
        if item["type"] == new["type"]:
            moved = now if item["status"] != new["status"] else item.get("lastTransitionTime", now)
            kept[at] = {**new, "lastTransitionTime": moved}
            return kept
    return [*kept, {**new, "lastTransitionTime": now}]


def status_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> Object | None:
    """A merge patch that makes the status `after`, None when it is; whole, as `before` may be older than what is there."""
    return {"status": _replacing(before, after)} if before != after else None


def _replacing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Object:
    """What is no longer there is taken out by name, at every depth."""
    kept = {
        name: _replacing(before.get(name) or {}, value) if isinstance(value, dict) else value
        for name, value in after.items()
    }
    return {**dict.fromkeys(before), **kept}
