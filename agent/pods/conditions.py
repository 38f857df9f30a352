"""The conditions the agent keeps on a pod, in the order it writes them.

PodScheduled is the scheduler's: it is repeated as it stands.  Conditions named by readiness gates belong to others and are
only read.  A condition's lastTransitionTime moves when its status does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from agent.pods.observed import Observed, Pod
from agent.pods.planning import initialized
from agent.pods.resizing import is_held, is_pending
from agent.pods.restarts import is_sidecar
from kube import times

RESIZE_PENDING, RESIZE_IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
PASSING = {RESIZE_PENDING, RESIZE_IN_PROGRESS}
"""Conditions that go again when what they tell of is over."""
EVICTED = "Evicted"
Condition = dict[str, Any]
State = dict[str, Any]


def conditions(
    pod: Pod, seen: Observed, phase: str, inits: Sequence[State], mains: Sequence[State], now: float
) -> list[Condition]:
    known = {c["type"]: c for c in pod.get("status", {}).get("conditions") or ()}
    sidecars = [s for s, c in zip(inits, pod["spec"].get("initContainers") or (), strict=True) if is_sidecar(c)]
    containers = _containers_ready(phase, [*sidecars, *mains])
    wanted = [
        _condition("PodReadyToStartContainers", seen.sandbox is not None),
        _initialized(pod, seen, phase, inits),
        _ready(pod, containers, known),
        containers,
        _condition("PodScheduled", True),
    ]
    wanted += _resize(pod, seen)
    if seen.ended_reason == EVICTED:
        wanted.append(_condition("DisruptionTarget", True, "TerminationByKubelet", seen.ended_message))
    return [_dated(condition, known.get(condition["type"]), pod, now) for condition in wanted]


def _resize(pod: Pod, seen: Observed) -> list[Condition]:
    """Where a resize stands; nothing when the containers have what the spec says."""
    if not is_pending(pod, seen):
        return []
    held = seen.resize_held
    if held is not None and is_held(seen):
        return [_condition(RESIZE_PENDING, True, held.reason, held.message)]
    return [_condition(RESIZE_IN_PROGRESS, True, held.reason if held else "", held.message if held else "")]


def _condition(kind: str, status: bool, reason: str = "", message: str = "") -> Condition:
    condition: Condition = {"type": kind, "status": "True" if status else "False"}
    return condition | {"reason": reason or None, "message": message or None}


def _initialized(pod: Pod, seen: Observed, phase: str, inits: Sequence[State]) -> Condition:
    if phase == "Succeeded":
        return _condition("Initialized", True, "PodCompleted")
    specs = pod["spec"].get("initContainers") or ()
    waiting = [s["name"] for s, c in zip(inits, specs, strict=True) if not _passed(s, c)]
    if not waiting or initialized(pod, seen):
        return _condition("Initialized", True)
    message = f"containers with incomplete status: [{' '.join(waiting)}]"
    return _condition("Initialized", False, "ContainersNotInitialized", message)


def _passed(state: State, container: dict[str, Any]) -> bool:
    return bool(state["started"]) if is_sidecar(container) else bool(state["ready"])


def _containers_ready(phase: str, states: Sequence[State]) -> Condition:
    if phase == "Succeeded":
        return _condition("ContainersReady", False, "PodCompleted")
    if phase == "Failed":
        return _condition("ContainersReady", False, "PodFailed")
    unready = [state["name"] for state in states if not state["ready"]]
    if not unready:
        return _condition("ContainersReady", True)
    message = f"containers with unready status: [{' '.join(unready)}]"
    return _condition("ContainersReady", False, "ContainersNotReady", message)


def _ready(pod: Pod, containers: Condition, known: dict[str, Condition]) -> Condition:
    """Ready is ContainersReady and every readiness gate."""
    if containers["status"] != "True":
        return containers | {"type": "Ready"}
    said = [_gate(gate["conditionType"], known) for gate in pod["spec"].get("readinessGates") or ()]
    problems = [problem for problem in said if problem]
    if problems:
        return _condition("Ready", False, "ReadinessGatesNotReady", ", ".join(problems))
    return _condition("Ready", True)


def _gate(kind: str, known: dict[str, Condition]) -> str:
    """What is wrong with a readiness gate; empty when it is open."""
    if kind not in known:
        return f'corresponding condition of pod readiness gate "{kind}" does not exist.'
    if known[kind]["status"] != "True":
        return f'the status of pod readiness gate "{kind}" is not "True", but {known[kind]["status"]}'
    return ""


def _dated(condition: Condition, before: Condition | None, pod: Pod, now: float) -> Condition:
    moment = times.text(datetime.fromtimestamp(now, UTC))
    if before and before["status"] == condition["status"]:
        moment = before.get("lastTransitionTime") or moment
    dated = {"type": condition["type"], "status": condition["status"], "lastProbeTime": None}
    dated |= {"lastTransitionTime": moment, "reason": condition["reason"], "message": condition["message"]}
    generation = pod["metadata"].get("generation")
    return dated | ({"observedGeneration": generation} if generation else {})
