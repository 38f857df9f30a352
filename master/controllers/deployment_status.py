"""What a Deployment says of itself: counts over its ReplicaSets, and how its rollout goes.

Pure.  Conditions are Kubernetes': Available, Progressing (with a deadline), ReplicaFailure; reasons and messages are what
`kubectl rollout status` and scripts look for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from kube import times
from master.controllers.objects import Object, condition
from master.controllers.rollouts import available_of, bounds, replicas_of

NEVER = 2**31 - 1
"""A progress deadline of so many seconds means none."""


def status(
    deployment: Object, new: Object | None, sets: Sequence[Object], collisions: int, now: datetime
) -> tuple[Object, float | None]:
    """The status, and seconds until the rollout's deadline is to be looked at."""
    before = deployment.get("status") or {}
    counts = _counts(deployment, new, sets)
    conditions = [dict(item) for item in before.get("conditions") or ()]
    conditions = _put(conditions, _availability(deployment, counts["availableReplicas"]), now)
    conditions = _with_failure(conditions, new, sets, now)
    again: float | None = None
    if has_deadline(deployment) and not deployment["spec"].get("paused"):
        conditions = _with_progress(deployment, new, before, counts, conditions, now)
        again = _until_deadline(deployment, conditions, now)
    elif not has_deadline(deployment):
        conditions = [item for item in conditions if item["type"] != "Progressing"]
    result: Object = {"observedGeneration": deployment["metadata"].get("generation", 0)}
    result.update({name: count for name, count in counts.items() if count or name == "terminatingReplicas"})
    if collisions:
        result["collisionCount"] = collisions
    result["conditions"] = conditions
    return result, again


def is_complete(deployment: Object, counts: Object) -> bool:
    wanted = replicas_of(deployment)
    return all(counts.get(name, 0) == wanted for name in ("updatedReplicas", "replicas", "availableReplicas"))


def has_deadline(deployment: Object) -> bool:
    return (deployment["spec"].get("progressDeadlineSeconds") or NEVER) != NEVER


def progressing(status_: str, reason: str, message: str) -> Object:
    return {"type": "Progressing", "status": status_, "reason": reason, "message": message}


def put_condition(conditions: Sequence[Object], new: Object, now: datetime) -> list[Object]:
    """As `set_condition`, but with the lastUpdateTime of a Deployment's, and moved to the end when it changed."""
    return _put([dict(item) for item in conditions], new, now)


def _put(conditions: list[Object], new: Object, now: datetime, renew: bool = False) -> list[Object]:
    present = next((item for item in conditions if item["type"] == new["type"]), None)
    if present and not renew and (present["status"], present["reason"]) == (new["status"], new["reason"]):
        return conditions
    text = times.text(now)
    moved = present["lastTransitionTime"] if present and present["status"] == new["status"] else text
    rest = [item for item in conditions if item["type"] != new["type"]]
    return [*rest, {**new, "lastUpdateTime": text, "lastTransitionTime": moved}]


def _counts(deployment: Object, new: Object | None, sets: Sequence[Object]) -> dict[str, int]:
    def total(name: str) -> int:
        return sum(int((item.get("status") or {}).get(name, 0)) for item in sets)

    available = sum(map(available_of, sets))
    return {
        "replicas": total("replicas"),
        "updatedReplicas": int((new.get("status") or {}).get("replicas", 0)) if new is not None else 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(replicas_of, sets)) - available),
        "terminatingReplicas": total("terminatingReplicas"),
    }


def _availability(deployment: Object, available: int) -> Object:
    enough = available >= replicas_of(deployment) - bounds(deployment).unavailable
    return {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": "Deployment has minimum availability."
        if enough
        else "Deployment does not have minimum availability.",
    }


def _with_failure(conditions: list[Object], new: Object | None, sets: Sequence[Object], now: datetime) -> list[Object]:
    for item in ([new] if new is not None else []) + list(sets):
        failure = condition(item, "ReplicaFailure")
        if failure is not None:
            kept = {name: failure.get(name, "") for name in ("type", "status", "reason", "message")}
            return _put(conditions, kept, now)
    return [item for item in conditions if item["type"] != "ReplicaFailure"]


def _with_progress(
    deployment: Object,
    new: Object | None,
    before: Object,
    counts: dict[str, int],
    conditions: list[Object],
    now: datetime,
) -> list[Object]:
    present = condition({"status": {"conditions": conditions}}, "Progressing")
    done = present is not None and present["reason"] == "NewReplicaSetAvailable"
    if done and counts["replicas"] == counts["updatedReplicas"]:
        return conditions
    subject = f'ReplicaSet "{new["metadata"]["name"]}"' if new is not None else "Deployment"
    name = deployment["metadata"]["name"]
    subject = subject if new is not None else f'Deployment "{name}"'
    if is_complete(deployment, counts):
        said = progressing("True", "NewReplicaSetAvailable", f"{subject} has successfully progressed.")
        return _put(conditions, said, now)
    if _moved(before, counts):
        said = progressing("True", "ReplicaSetUpdated", f"{subject} is progressing.")
        return _put(conditions, said, now, renew=True)
    if present is not None and _late(deployment, present, now):
        said = progressing("False", "ProgressDeadlineExceeded", f"{subject} has timed out progressing.")
        return _put(conditions, said, now)
    return conditions


def _moved(before: Object, counts: dict[str, int]) -> bool:
    """Nearer to the end than the last time: more of the new, fewer of the old, more that work."""

    def grown(name: str) -> bool:
        return counts[name] > int(before.get(name, 0))

    old_now = counts["replicas"] - counts["updatedReplicas"]
    old_then = int(before.get("replicas", 0)) - int(before.get("updatedReplicas", 0))
    return old_now < old_then or any(map(grown, ("updatedReplicas", "readyReplicas", "availableReplicas")))


def _late(deployment: Object, present: Object, now: datetime) -> bool:
    if present["reason"] in ("NewReplicaSetAvailable", "DeploymentPaused"):
        return False
    return present["reason"] == "ProgressDeadlineExceeded" or _deadline(deployment, present) < now


def _deadline(deployment: Object, present: Object) -> datetime:
    start = times.parse(present.get("lastUpdateTime") or present["lastTransitionTime"])
    return start + timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])


def _until_deadline(deployment: Object, conditions: list[Object], now: datetime) -> float | None:
    present = condition({"status": {"conditions": conditions}}, "Progressing")
    if present is None or present["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
        return None
    return max(0.0, (_deadline(deployment, present) - now).total_seconds()) + 1
