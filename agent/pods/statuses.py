"""What the API is told of a pod: phase, container states and addresses.  Pure: the same pod and observation, the same status.

Phases, reasons and the rules between them are facts of Kubernetes' Pod API.  A phase that is final is told only once
nothing runs any more; the conditions say earlier that it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.pods.conditions import conditions
from agent.pods.machine import Stage
from agent.pods.observed import Attempt, Observed, Pod, Trouble
from agent.pods.planning import initialized
from agent.pods.resizing import given_resources, is_held
from agent.pods.resources import requests_of
from agent.pods.restarts import is_sidecar, starts_again
from agent.runtime.words import ContainerState
from kube import times

RUNTIME = "containerd"
LOST = "The container could not be located when the pod was terminated"
LOST_CODE = 137
NEVER = "1970-01-01T00:00:00Z"
"""When a container that could not be started was started."""
Container = dict[str, Any]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pod is, and what else its status needs: host addresses, termination messages by container id."""

    host_ips: Sequence[str] = ()
    messages: Mapping[str, str] = field(default_factory=dict)


def status(pod: Pod, seen: Observed, place: Place, now: float) -> dict[str, Any]:
    """The whole status as the agent owns it; conditions of others are not in it."""
    if seen.rejected:
        return _rejected(pod, seen)
    spec, meta = pod["spec"], pod["metadata"]
    inits = [container_status(pod, c, seen, place, init=True) for c in spec.get("initContainers") or ()]
    mains = [container_status(pod, c, seen, place) for c in spec["containers"]]
    extras = [container_status(pod, c, seen, place) for c in spec.get("ephemeralContainers") or ()]
    coming = phase(pod, inits, mains, seen)
    told: dict[str, Any] = {
        "observedGeneration": meta.get("generation"),
        "phase": _told_phase(pod, coming, seen),
        "conditions": conditions(pod, seen, coming, inits, mains, now),
        "message": seen.ended_message or None,
        "reason": seen.ended_reason or None,
        "startTime": stamp(seen.started_at),
        "hostIP": place.host_ips[0] if place.host_ips else None,
        "hostIPs": [{"ip": ip} for ip in place.host_ips],
        "qosClass": pod.get("status", {}).get("qosClass"),
        "containerStatuses": mains,
    }
    if inits:
        told["initContainerStatuses"] = inits
    if extras:
        told["ephemeralContainerStatuses"] = extras
    ips = place.host_ips if spec.get("hostNetwork") else seen.ips
    if ips and (seen.sandboxes or seen.stage is not Stage.ACTIVE):
        told |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    return {key: value for key, value in told.items() if value is not None}


def _rejected(pod: Pod, seen: Observed) -> dict[str, Any]:
    """Of a pod that the node did not take there is nothing to tell but why."""
    told = {
        "observedGeneration": pod["metadata"].get("generation"),
        "phase": "Failed",
        "conditions": [],
        "reason": seen.ended_reason,
        "message": seen.ended_message,
        "qosClass": pod.get("status", {}).get("qosClass"),
    }
    return {key: value for key, value in told.items() if value is not None}


def phase(pod: Pod, inits: Sequence[State], mains: Sequence[State], seen: Observed) -> str:
    """Pending, Running, Succeeded or Failed, as the container states make it."""
    if seen.ended_reason:
        return "Failed"
    rule = pod["spec"].get("restartPolicy") or "Always"
    plain = [s for s, c in zip(inits, pod["spec"].get("initContainers") or (), strict=True) if not is_sidecar(c)]
    begun = initialized(pod, seen)
    if not begun and any(_failed(state) for state in plain) and rule == "Never":
        return "Failed"
    if seen.stage is Stage.ENDED and all(seen.latest(state["name"]) for state in mains):
        return "Succeeded" if all(_succeeded(state) for state in mains) else "Failed"
    if not begun and any(not _succeeded(state) for state in plain):
        return "Pending"
    if any("waiting" in state["state"] and not state["lastState"] for state in mains):
        return "Pending"
    if any(seen.latest(state["name"]) is None for state in mains):
        return "Pending"
    if any("running" in state["state"] for state in mains):
        return "Running"
    return _phase_at_rest(pod, mains)


def _phase_at_rest(pod: Pod, mains: Sequence[State]) -> str:
    """No container runs, and each ran once or will never."""
    pairs = zip(pod["spec"]["containers"], mains, strict=True)
    if any(starts_again(pod, container, _exit_code(state)) for container, state in pairs):
        return "Running"
    return "Succeeded" if all(_succeeded(state) for state in mains) else "Failed"


def _told_phase(pod: Pod, coming: str, seen: Observed) -> str:
    """A pod whose end was asked for before its containers ran has failed, though none of its conditions says so."""
    final = coming in {"Succeeded", "Failed"}
    if seen.stage is Stage.ENDED and not final:
        return "Failed"
    if final and seen.stage is not Stage.ENDED:
        before = pod.get("status", {}).get("phase") or "Pending"
        return str(before) if before != "Unknown" else "Running"
    return coming


def container_status(
    pod: Pod, container: Container, seen: Observed, place: Place, init: bool = False
) -> dict[str, Any]:
    name = container["name"]
    latest, previous = seen.latest(name), seen.previous(name)
    state, last = _states(pod, container, seen, place, latest, previous, init)
    running = bool(latest and "running" in state)
    verdict = seen.verdict(latest) if latest else None
    started = bool(running and verdict and verdict.started)
    ready = bool(started and verdict and verdict.ready)
    if init and not is_sidecar(container):
        ready = _succeeded({"state": state})
        started = running
    told: dict[str, Any] = {
        "name": name,
        "state": state,
        "lastState": last,
        "ready": ready,
        "restartCount": latest.attempt if latest else max(0, seen.floors.get(name, 0) - 1),
        "image": (latest.image if latest and latest.image else "") or container.get("image", ""),
        "imageID": latest.image_ref if latest else "",
        "started": started,
    }
    if latest:
        told["containerID"] = f"{RUNTIME}://{latest.id}"
    if signal := (container.get("lifecycle") or {}).get("stopSignal"):
        told["stopSignal"] = signal
    return told | _resources(container, latest, seen) | _mounts(container)


def _states(
    pod: Pod,
    container: Container,
    seen: Observed,
    place: Place,
    latest: Attempt | None,
    previous: Attempt | None,
    init: bool,
) -> tuple[State, State]:
    """(state, lastState) of one container."""
    trouble = seen.troubles.get(container["name"])
    ended = terminated(latest, place) if latest and latest.ended else {}
    if latest and latest.running:
        return {"running": {"startedAt": stamp(latest.started_at)}}, _last(previous, place)
    if latest and latest.ended and (trouble is None or seen.stage is not Stage.ACTIVE):
        return ended, _last(previous, place)
    if latest is None and seen.stage is Stage.ENDED and (init or _inits_done(pod, seen)):
        return _lost(), {}
    if trouble and seen.stage is Stage.ACTIVE:
        return {"waiting": _waiting(trouble)}, ended
    waits_for_init = bool(pod["spec"].get("initContainers"))
    return {"waiting": {"reason": "PodInitializing" if waits_for_init else "ContainerCreating"}}, ended


def terminated(attempt: Attempt, place: Place) -> State:
    reason = attempt.reason or ("Completed" if attempt.exit_code == 0 else "Error")
    message = place.messages.get(attempt.id) or attempt.message
    told: dict[str, Any] = {"exitCode": attempt.exit_code, "reason": reason}
    if message:
        told["message"] = message
    return {
        "terminated": told
        | {
            "startedAt": stamp(attempt.started_at) or NEVER,
            "finishedAt": stamp(attempt.finished_at) or NEVER,
            "containerID": f"{RUNTIME}://{attempt.id}",
        }
    }


def stamp(moment: float) -> str | None:
    """A time as the API writes it; None for never."""
    return times.text(datetime.fromtimestamp(moment, UTC)) if moment > 0 else None


def _last(previous: Attempt | None, place: Place) -> State:
    return terminated(previous, place) if previous and previous.ended else {}


def _lost() -> State:
    said = {"exitCode": LOST_CODE, "reason": "ContainerStatusUnknown", "message": LOST}
    return {"terminated": said | {"startedAt": None, "finishedAt": None}}


def _waiting(trouble: Trouble) -> State:
    return {"reason": trouble.reason} | ({"message": trouble.message} if trouble.message else {})


def _inits_done(pod: Pod, seen: Observed) -> bool:
    for container in pod["spec"].get("initContainers") or ():
        attempt = seen.latest(container["name"])
        if attempt is None or (not is_sidecar(container) and (not attempt.ended or attempt.exit_code)):
            return False
    return True


def _resources(container: Container, latest: Attempt | None, seen: Observed) -> dict[str, Any]:
    """allocatedResources is what the node gave its word for, resources what the container has."""
    has = given_resources(latest, seen) if latest else None
    agreed = has if has is not None and is_held(seen) else container.get("resources") or {}
    allocated = requests_of({"resources": agreed})
    told: dict[str, Any] = {"allocatedResources": allocated} if allocated else {}
    if latest is None or latest.state is ContainerState.CREATED:
        return told
    actually = has if has is not None else container.get("resources") or {}
    limits, requests = actually.get("limits"), requests_of({"resources": actually})
    actual = ({"limits": limits} if limits else {}) | ({"requests": requests} if requests else {})
    return told | {"resources": actual}


def _mounts(container: Container) -> dict[str, Any]:
    told = []
    for mount in container.get("volumeMounts") or ():
        entry = {"name": mount["name"], "mountPath": mount["mountPath"]}
        if mount.get("readOnly"):
            entry |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
        told.append(entry)
    return {"volumeMounts": told} if told else {}


def _succeeded(state: State) -> bool:
    return bool(state["state"].get("terminated", {}).get("exitCode") == 0)


def _failed(state: State) -> bool:
    return bool(_exit_code(state))


def _exit_code(state: State) -> int:
    """Of the last run that ended; 0 where none has."""
    ended = state["state"].get("terminated") or state["lastState"].get("terminated") or {}
    return int(ended.get("exitCode") or 0)
