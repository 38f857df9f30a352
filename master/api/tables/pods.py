"""The cells of a pod: what it is doing, in one word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from master.api.tables.cells import NONE, moment, since

Object = dict[str, Any]
TERMINAL = ("Succeeded", "Failed")


def _statuses(pod: Object, name: str) -> list[Object]:
    found: list[Object] = (pod.get("status") or {}).get(name) or []
    return found


def _state(status: Object, name: str) -> Object | None:
    return (status.get("state") or {}).get(name)


def _is_true(pod: Object, condition: str) -> bool:
    return any(one["type"] == condition and one["status"] == "True" for one in _statuses(pod, "conditions"))


def _restartable(pod: Object) -> set[str]:
    """The names of the sidecars: init containers that are kept running."""
    inits = (pod.get("spec") or {}).get("initContainers") or ()
    return {one["name"] for one in inits if one.get("restartPolicy") == "Always"}


def ready(pod: Object) -> str:
    """`ready/all` over containers and sidecars."""
    sidecars = _restartable(pod)
    counted = _statuses(pod, "containerStatuses") + [
        one for one in _statuses(pod, "initContainerStatuses") if one["name"] in sidecars and one.get("started")
    ]
    running = sum(1 for one in counted if one.get("ready") and _state(one, "running") is not None)
    return f"{running}/{len((pod.get('spec') or {}).get('containers') or ()) + len(sidecars)}"


def status(pod: Object) -> str:
    meta, found = pod["metadata"], pod.get("status") or {}
    reason = _reason(pod, found)
    if "deletionTimestamp" in meta:
        if found.get("reason") == "NodeLost":
            return "Unknown"
        if found.get("phase") not in TERMINAL:
            return "Terminating"
    return reason


def _reason(pod: Object, found: Object) -> str:
    reason = found.get("reason") or found.get("phase") or ""
    if any(
        one["type"] == "PodScheduled" and one.get("reason") == "SchedulingGated"
        for one in found.get("conditions") or ()
    ):
        reason = "SchedulingGated"
    waiting = _initializing(pod)
    if waiting and not _is_true(pod, "Initialized"):
        return waiting
    return _of_containers(pod, waiting or reason)


def _initializing(pod: Object) -> str:
    """What the first unfinished init container does; empty when all are through."""
    sidecars = _restartable(pod)
    total = len((pod.get("spec") or {}).get("initContainers") or ())
    for index, one in enumerate(_statuses(pod, "initContainerStatuses")):
        ended, waiting = _state(one, "terminated"), _state(one, "waiting")
        if (ended is not None and not ended.get("exitCode")) or (one["name"] in sidecars and one.get("started")):
            continue
        if ended is not None:
            return f"Init:{_ending(ended)}"
        if waiting is not None and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{total}"
    return ""


def _of_containers(pod: Object, reason: str) -> str:
    running = False
    for one in reversed(_statuses(pod, "containerStatuses")):
        ended, waiting = _state(one, "terminated"), _state(one, "waiting")
        if waiting is not None and waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            reason = _ending(ended)
        elif one.get("ready") and _state(one, "running") is not None:
            running = True
    if reason == "Completed" and running:
        return "Running" if _is_true(pod, "Ready") else "NotReady"
    return reason


def _ending(ended: Object) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def restarts(pod: Object) -> str:
    """How often, and how long ago the last time."""
    counted = list(_counted(pod))
    total = sum(one.get("restartCount", 0) for one in counted)
    ends = [str(((one.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "") for one in counted]
    last = max((end for end in ends if moment(end) is not None), default="")
    return f"{total} ({since(last)} ago)" if total and last else str(total)


def _counted(pod: Object) -> Iterable[Object]:
    inits = _statuses(pod, "initContainerStatuses")
    if _initializing(pod) and not _is_true(pod, "Initialized"):
        return inits
    sidecars = _restartable(pod)
    return [one for one in inits if one["name"] in sidecars] + _statuses(pod, "containerStatuses")


def address(pod: Object) -> str:
    found = pod.get("status") or {}
    listed = found.get("podIPs") or [{}]
    return found.get("podIP") or listed[0].get("ip") or NONE


def readiness_gates(pod: Object) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    if not gates:
        return NONE
    return f"{sum(1 for gate in gates if _is_true(pod, gate['conditionType']))}/{len(gates)}"
