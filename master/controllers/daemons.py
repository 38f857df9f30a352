"""DaemonSets, the arithmetic: which nodes want a pod, which pods are missing, too many, broken or old.

Pure.  `plan` is one step: it makes what is missing and, within `maxUnavailable` (or `maxSurge`), replaces what is old.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kube import affinity
from kube.taints import NO_EXECUTE, NO_SCHEDULE, first_untolerated, read_taints, read_tolerations
from master.controllers.objects import Object, is_deleting, is_ended, is_ready, seconds_until_available
from master.controllers.revisions import HASH_LABEL

TOLERATED = (
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", NO_SCHEDULE),
)
CARRIED = ("conditions", "collisionCount")
"""What others write into the status."""
ON_HOST_NETWORK = ("node.kubernetes.io/network-unavailable", NO_SCHEDULE)


@dataclass(frozen=True)
class Plan:
    create: tuple[str, ...] = ()
    """Names of the nodes that get a pod."""
    delete: tuple[Object, ...] = ()


def tolerations(template: Object) -> list[Object]:
    """The template's own, and what every daemon tolerates."""
    spec = template.get("spec") or {}
    rows = (*TOLERATED, ON_HOST_NETWORK) if spec.get("hostNetwork") else TOLERATED
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in rows]
    own = spec.get("tolerations") or []
    return own + [item for item in added if item not in own]


def wants(template: Object, node: Object) -> tuple[bool, bool]:
    """Whether a daemon is to be started on the node, and whether one that is there may stay."""
    spec, meta = template.get("spec") or {}, node["metadata"]
    labels = meta.get("labels") or {}
    selector = spec.get("nodeSelector") or {}
    required = affinity.required_terms(spec)
    fits = all(labels.get(key) == value for key, value in selector.items()) and (
        required is None or affinity.any_matches(required, meta["name"], labels)
    )
    if not fits or spec.get("nodeName", meta["name"]) != meta["name"]:
        return False, False
    taints, allowed = read_taints(node["spec"].get("taints")), read_tolerations(tolerations(template))
    stays = first_untolerated(taints, allowed, (NO_EXECUTE,)) is None
    return stays and first_untolerated(taints, allowed, (NO_SCHEDULE,)) is None, stays


def node_of(pod: Object) -> str:
    """The node a daemon is on or meant for: it is bound to it by affinity before the scheduler has placed it."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    for term in affinity.required_terms(pod["spec"]) or ():
        for requirement in term.fields.requirements:
            if len(requirement.values) == 1:
                return next(iter(requirement.values))
    return ""


def aimed_at(spec: Object, node: str) -> Object:
    """A pod's spec that only this node satisfies."""
    aim = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    given = spec.get("affinity") or {}
    nodes = dict(given.get("nodeAffinity") or {})
    nodes["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [aim]}
    return {**spec, "affinity": {**given, "nodeAffinity": nodes}}


def by_node(pods: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for pod in pods:
        found.setdefault(node_of(pod), []).append(pod)
    return found


def is_available(pod: Object, min_ready: int, now: datetime) -> bool:
    return seconds_until_available(pod, min_ready, now) == 0 and not is_deleting(pod)


def plan(daemon_set: Object, nodes: Sequence[Object], pods: Iterable[Object], mark: str, now: datetime) -> Plan:
    """`mark` is the hash of the present revision."""
    template, placed = daemon_set["spec"]["template"], by_node(pods)
    create: list[str] = []
    delete: list[Object] = []
    running: dict[str, list[Object]] = {}
    for node in nodes:
        name = node["metadata"]["name"]
        starts, stays = wants(template, node)
        there = placed.pop(name, [])
        ended = [pod for pod in there if is_ended(pod) and not is_deleting(pod)]
        active = [pod for pod in there if not is_ended(pod)]
        delete += ended
        if not stays:
            delete += [pod for pod in active if not is_deleting(pod)]
        elif active:
            running[name] = active
        elif starts and not ended:
            create.append(name)
    delete += [
        pod for left in placed.values() for pod in left if not is_deleting(pod) and not pod["spec"].get("nodeName")
    ]
    step = _replace(daemon_set, running, len(create), mark, now)
    return Plan((*create, *step.create), (*delete, *step.delete))


def _replace(daemon_set: Object, running: dict[str, list[Object]], missing: int, mark: str, now: datetime) -> Plan:
    """Old pods give way: broken ones at once, working ones as the bounds allow; doubles are thinned out."""
    spec = daemon_set["spec"]
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("type", "RollingUpdate") == "RollingUpdate"
    bounds = strategy.get("rollingUpdate") or {}
    total = len(running) + missing
    surge = share(bounds.get("maxSurge", 0), total)
    allowed = share(bounds.get("maxUnavailable", 1), total) if not surge else 0
    min_ready = spec.get("minReadySeconds", 0)
    create: list[str] = []
    delete: list[Object] = []
    working_old: list[Object] = []
    unavailable = missing
    for name, pods in sorted(running.items()):
        live = [pod for pod in pods if not is_deleting(pod)]
        new = [pod for pod in live if is_marked(pod, mark)]
        old = [pod for pod in live if not is_marked(pod, mark)]
        delete += sorted(new, key=is_ready, reverse=True)[1:]
        if not any(is_available(pod, min_ready, now) for pod in live):
            unavailable += 1
        if not rolling:
            delete += sorted(old, key=is_ready, reverse=True)[0 if new else 1 :]
        elif any(is_available(pod, min_ready, now) for pod in new) or (new and not surge):
            delete += old
        elif old and surge:
            if not new and len(create) < surge - _doubled(running, mark):
                create.append(name)
        else:
            working_old += [pod for pod in old if is_available(pod, min_ready, now)]
            delete += [pod for pod in old if not is_available(pod, min_ready, now)]
    return Plan(tuple(create), (*delete, *working_old[: max(0, allowed - unavailable)]))


def _doubled(running: dict[str, list[Object]], mark: str) -> int:
    """Nodes where a new pod starts beside an old one."""
    return sum(
        any(is_marked(pod, mark) for pod in pods) and not all(is_marked(pod, mark) for pod in pods)
        for pods in running.values()
    )


def share(value: Any, total: int) -> int:
    """A number, or a percentage rounded up."""
    return -(-int(value.removesuffix("%")) * total // 100) if isinstance(value, str) else int(value)


def is_marked(pod: Object, mark: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(HASH_LABEL) == mark)


def status(
    daemon_set: Object, nodes: Sequence[Object], pods: Iterable[Object], mark: str, now: datetime
) -> tuple[Object, float | None]:
    """The counts, and seconds until a ready pod becomes available."""
    spec, placed = daemon_set["spec"], by_node(pod for pod in pods if not is_ended(pod))
    names = ("desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady")
    counts = dict.fromkeys((*names, "numberAvailable", "updatedNumberScheduled"), 0)
    again: float | None = None
    for node in nodes:
        there = placed.get(node["metadata"]["name"], [])
        starts, _stays = wants(spec["template"], node)
        if not starts:
            counts["numberMisscheduled"] += bool(there)
            continue
        counts["desiredNumberScheduled"] += 1
        counts["currentNumberScheduled"] += bool(there)
        counts["numberReady"] += any(map(is_ready, there))
        waits = [seconds_until_available(pod, spec.get("minReadySeconds", 0), now) for pod in there]
        counts["numberAvailable"] += 0 in waits
        counts["updatedNumberScheduled"] += any(is_marked(pod, mark) for pod in there)
        again = min((wait for wait in (*waits, again) if wait), default=None)
    before = daemon_set.get("status") or {}
    result: Object = {name: before[name] for name in CARRIED if name in before} | {name: counts[name] for name in names}
    result["observedGeneration"] = daemon_set["metadata"].get("generation", 0)
    unavailable = counts["desiredNumberScheduled"] - counts["numberAvailable"]
    for name, count in (
        ("updatedNumberScheduled", counts["updatedNumberScheduled"]),
        ("numberAvailable", counts["numberAvailable"]),
        ("numberUnavailable", unavailable),
    ):
        if count:
            result[name] = count
    return result, again
