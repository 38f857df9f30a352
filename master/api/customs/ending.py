"""How a definition ends: it is marked, its objects are deleted, and it goes with the last of them.  Pure."""

from __future__ import annotations

from typing import Any

from master.api.customs.definitions import TERMINATING
from master.api.customs.naming import with_condition

Object = dict[str, Any]

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
PENDING = (
    "True",
    "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
)
IN_PROGRESS = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
COMPLETED = ("False", "InstanceDeletionCompleted", "removed all instances")


def is_ending(definition: Object) -> bool:
    meta = definition["metadata"]
    return bool(meta.get("deletionTimestamp")) and FINALIZER in (meta.get("finalizers") or ())


def mark(definition: Object, now: str) -> None:
    """What a DELETE makes of a definition: it stays until its objects are gone."""
    meta = definition["metadata"]
    if meta.get("deletionTimestamp"):
        return
    meta["deletionTimestamp"] = now
    meta["finalizers"] = [*(meta.get("finalizers") or ()), FINALIZER]
    say(definition, PENDING, now)


def say(definition: Object, what: tuple[str, str, str], now: str) -> None:
    status = definition.setdefault("status", {})
    wanted = dict(zip(("type", "status", "reason", "message"), (TERMINATING, *what), strict=True))
    status["conditions"] = with_condition(status.get("conditions") or [], wanted, now)


def release(definition: Object, now: str) -> None:
    say(definition, COMPLETED, now)
    meta = definition["metadata"]
    meta["finalizers"] = [one for one in meta.get("finalizers") or () if one != FINALIZER]
