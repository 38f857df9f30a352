"""Resources of a container that change while it runs.  Pure.

How it works.  A container is made with its resources written beside it (an annotation), and what was given to it since is
remembered; where that differs from the spec, the pod is being resized.  The node takes a resize that fits (`held` says why
one does not: Infeasible never will, Deferred may later); then the limits change in place, or the container is made anew where
its resizePolicy wants that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agent.pods.observed import Attempt, Observed, Pod, Trouble
from kube import quantities
from kube.quotas import pod_total

RESIZABLE = ("cpu", "memory")
Container = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a resize is, as it was told last: nothing, Started, Error, Deferred or Infeasible, and why."""

    at: str = ""
    why: str = ""


def standing(before: Standing, pod: Pod, seen: Observed) -> Standing:
    """Where the resize stands now; one that was begun is over once every container runs with what its spec says."""
    failed = seen.resize_held
    if is_pending(pod, seen):
        return Standing(failed.reason, failed.message) if failed else Standing("Started")
    settled = all((attempt := seen.latest(c["name"])) and attempt.running for c in _resizable(pod))
    return Standing() if settled or before.at in {"Deferred", "Infeasible"} else before


def resize_event(before: Standing, now: Standing, pod: Pod) -> tuple[str, str, str] | None:
    """Type, reason and message of the event that tells the change; words and form are upstream's."""
    if now == before or (not now.at and before.at in {"Deferred", "Infeasible"}):
        return None
    reason = now.at or "Completed"
    said = f"Pod resize {reason if reason in {'Deferred', 'Infeasible'} else reason.lower()}"
    return "Warning" if now.why else "Normal", f"Resize{reason}", f"{said}: {_summary(pod, now.why)}"


def _summary(pod: Pod, error: str) -> str:
    lists = {
        of: [c for c in _resizable(pod) if c in (pod["spec"].get(of) or ())] for of in ("initContainers", "containers")
    }
    told: dict[str, Any] = {
        of: [{"name": c["name"], "resources": c.get("resources") or {}} for c in found]
        for of, found in lists.items()
        if found
    }
    told["generation"] = pod["metadata"].get("generation", 0)
    return orjson.dumps(told | ({"error": error} if error else {})).decode()


def resources_text(container: Container) -> str:
    """The resources of a spec as they are written beside the container made of it."""
    given = container.get("resources") or {}
    kept = {of: dict(given[of]) for of in ("limits", "requests") if given.get(of)}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def given_text(attempt: Attempt, seen: Observed) -> str:
    """What the container has; empty when nobody wrote it down."""
    return seen.given.get(attempt.id, attempt.resources)


def given_resources(attempt: Attempt, seen: Observed) -> dict[str, Any] | None:
    text = given_text(attempt, seen)
    return dict(orjson.loads(text)) if text else None


def differs(container: Container, attempt: Attempt | None, seen: Observed) -> bool:
    """Whether a container has other resources than its spec says."""
    text = given_text(attempt, seen) if attempt else ""
    return bool(text) and _amounts(orjson.loads(text)) != _amounts(container.get("resources") or {})


def is_pending(pod: Pod, seen: Observed) -> bool:
    return any(_runs_otherwise(container, seen) for container in _resizable(pod))


def is_held(seen: Observed) -> bool:
    """Whether the node has not taken the resize, for now or for good."""
    return seen.resize_held is not None and seen.resize_held.reason != "Error"


def needs_restart(container: Container, attempt: Attempt, seen: Observed) -> bool:
    """Whether the resizePolicy of a resource that changes wants the container made anew."""
    old, new = _amounts(given_resources(attempt, seen) or {}), _amounts(container.get("resources") or {})
    changed = {name for of, name in old.keys() | new.keys() if old.get((of, name)) != new.get((of, name))}
    rules = {rule["resourceName"]: rule["restartPolicy"] for rule in container.get("resizePolicy") or ()}
    return any(rules.get(name) == "RestartContainer" for name in changed)


def held(pod: Pod, room: Mapping[str, str], others: Iterable[Pod]) -> Trouble | None:
    """Why the node does not take the resize now; None when it does."""
    others = list(others)
    for name, amount in pod_total(pod["spec"], "requests").items():
        if name not in RESIZABLE or name not in room:
            continue
        has = quantities.parse(room[name]).nanos
        scale = 1_000_000 if name == "cpu" else 1_000_000_000
        if amount.nanos > has:
            figures = f"requested: {amount.nanos // scale}, capacity: {has // scale}"
            return Trouble("Infeasible", f"Node didn't have enough capacity: {name}, {figures}")
        totals = [pod_total(other["spec"], "requests") for other in others]
        used = sum(total[name].nanos for total in totals if name in total)
        if amount.nanos + used > has:
            figures = f"requested: {amount.nanos // scale}, used: {used // scale}, capacity: {has // scale}"
            return Trouble("Deferred", f"Node didn't have enough resource: {name}, {figures}")
    return None


def _resizable(pod: Pod) -> list[Container]:
    spec = pod["spec"]
    return [*spec["containers"], *(c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always")]


def _runs_otherwise(container: Container, seen: Observed) -> bool:
    attempt = seen.latest(container["name"])
    return attempt is not None and attempt.running and differs(container, attempt, seen)


def _amounts(resources: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Amounts by (limits or requests, resource), of what can be resized; a limit without a request is also the request."""
    limits = resources.get("limits") or {}
    sides = {"limits": limits, "requests": {**limits, **(resources.get("requests") or {})}}
    return {
        (of, name): quantities.parse(given[name]).nanos
        for of, given in sides.items()
        for name in RESIZABLE
        if name in given
    }
