"""ReplicaSets and ReplicationControllers, the arithmetic: what is wanted against the pods that are there.

`plan` says how many to make and which to delete, `status` what to tell; the two kinds differ in a row of `FLAVOURS`.
`replicating` applies it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kube import selectors, times
from kube.kinds import Kind
from kube.selectors import LabelSelector
from master.controllers.objects import (
    Object,
    condition,
    is_active,
    is_deleting,
    is_ended,
    is_ready,
    kind,
    seconds_until_available,
    set_condition,
)

BURST = 500
"""The most pods made or deleted at one go."""
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


class Flavour(NamedTuple):
    kind: Kind
    component: str
    selector: Callable[[Object], LabelSelector]
    counts_terminating: bool


FLAVOURS = (
    Flavour(
        kind("apps/v1", "ReplicaSet"),
        "replicaset-controller",
        lambda spec: selectors.from_object(spec.get("selector")),
        True,
    ),
    Flavour(
        kind("v1", "ReplicationController"),
        "replication-controller",
        lambda spec: selectors.from_labels(spec.get("selector")),
        False,
    ),
)


class Plan(NamedTuple):
    create: int = 0
    delete: tuple[Object, ...] = ()


def plan(owner: Object, pods: Iterable[Object]) -> Plan:
    """What to do so that `spec.replicas` of its pods are active; an owner that is being deleted does nothing."""
    if is_deleting(owner):
        return Plan()
    active = list(filter(is_active, pods))
    missing = owner["spec"].get("replicas", 1) - len(active)
    surplus = tuple(deletion_order(active)[: min(-missing, BURST)]) if missing < 0 else ()
    return Plan(max(0, min(missing, BURST)), surplus)


def deletion_order(pods: Sequence[Object]) -> list[Object]:
    """Those that are missed least first: not placed, not running, not ready, cheap, on a crowded node, young."""
    crowd = Counter(pod["spec"].get("nodeName") for pod in pods)

    def worth(pod: Object) -> tuple[int, int, bool, int, int]:
        node = pod["spec"].get("nodeName")
        phase = (pod.get("status") or {}).get("phase", "Pending")
        cost = (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")
        return bool(node), PHASE_ORDER.get(phase, 0), is_ready(pod), _integer(cost), -crowd[node]

    youngest_first = sorted(pods, key=_age_mark, reverse=True)
    return sorted(youngest_first, key=worth)


def _age_mark(pod: Object) -> tuple[str, str]:
    ready = condition(pod, "Ready") or {}
    since = ready.get("lastTransitionTime", "") if ready.get("status") == "True" else ""
    return since, pod["metadata"].get("creationTimestamp", "")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def status(
    owner: Object, flavour: Flavour, pods: Iterable[Object], failure: str, now: datetime
) -> tuple[Object, float | None]:
    """The status of these pods, and seconds until a ready one becomes available."""
    template = (owner["spec"].get("template") or {}).get("metadata", {}).get("labels") or {}
    min_ready = owner["spec"].get("minReadySeconds") or 0
    counts: Counter[str] = Counter()
    again: float | None = None
    for pod in pods:
        if is_ended(pod):
            continue
        if is_deleting(pod):
            counts["terminatingReplicas"] += 1
            continue
        counts["replicas"] += 1
        counts["fullyLabeledReplicas"] += template.items() <= (pod["metadata"].get("labels") or {}).items()
        wait = seconds_until_available(pod, min_ready, now)
        if wait is not None:
            counts["readyReplicas"] += 1
            counts["availableReplicas"] += wait == 0
            again = min(wait, again or wait) if wait else again
    result: Object = {"replicas": counts.pop("replicas", 0)}
    terminating = counts.pop("terminatingReplicas", 0)
    result.update({name: count for name, count in counts.items() if count})
    if flavour.counts_terminating:
        result["terminatingReplicas"] = terminating
    result["observedGeneration"] = owner["metadata"].get("generation", 0)
    if conditions := _conditions(owner, failure, times.text(now)):
        result["conditions"] = conditions
    return result, again


def _conditions(owner: Object, failure: str, now: str) -> list[Object]:
    before = (owner.get("status") or {}).get("conditions") or []
    if not failure:
        return [item for item in before if item["type"] != "ReplicaFailure"]
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}
    return set_condition(before, failed, now)
