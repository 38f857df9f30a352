"""Requests and limits of a spec as the kernel takes them, and the cgroup a pod lies in by its quality of service.

Facts: 1,024 shares a core (at least 2), a period of 100 ms, OOM scores -997 for Guaranteed, 1000 for BestEffort, and
between, by the share of the node's memory that was asked for.  A limit of more CPUs than the node has is what it has: cgroup
version 1 refuses a child more than its parents have, and the node may be inside a cgroup itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.pods.places import NodeFacts
from agent.runtime.words import Resources
from kube import quantities

PERIOD = 100_000
LEAST_QUOTA = 1_000
LEAST_SHARES, MOST_SHARES = 2, 262_144
GUARANTEED_SCORE, BEST_EFFORT_SCORE = -997, 1000
Container = Mapping[str, Any]


def requests_of(container: Container) -> dict[str, str]:
    """What a container asks for: a limit without a request is also the request."""
    given = container.get("resources") or {}
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    return {**limits, **requests}


def container_resources(container: Container, qos: str, node: NodeFacts) -> Resources:
    limits = (container.get("resources") or {}).get("limits") or {}
    requests = requests_of(container)
    return Resources(
        cpu_period=PERIOD,
        cpu_quota=_quota(quantities.milli_value(limits["cpu"]) if "cpu" in limits else 0, node.cpus),
        cpu_shares=shares(quantities.milli_value(requests["cpu"]) if "cpu" in requests else 0),
        memory_limit=quantities.value(limits["memory"]) if "memory" in limits else 0,
        oom_score_adj=_oom_score(qos, requests, node.memory),
        hugepages={
            name.removeprefix("hugepages-"): quantities.value(text)
            for name, text in limits.items()
            if name.startswith("hugepages-")
        },
    )


def pod_resources(pod: Mapping[str, Any], cpus: float = 0.0) -> Resources:
    """The limits of the pod's own cgroup: its own, or sums over its containers, and a limit only where each has one.

    An init container does not run beside the others, so the larger of the two needs counts; sidecars add to both.
    `cpus` is what the node has, 0 for any number.
    """
    spec = pod["spec"]
    mains = list(spec["containers"])
    inits = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") != "Always"]
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    steady = mains + sidecars

    def total(resource: str, of: str, read: Any) -> int | None:
        together = _sum(steady, resource, of, read)
        alone = [_sum([init], resource, of, read) for init in inits]
        if together is None or None in alone:
            return None
        return max([together, *(value for value in alone if value is not None)])

    def whole(resource: str, of: str, read: Any) -> int | None:
        """What the pod says of itself goes before the sum; its overhead comes on top."""
        own = requests_of(spec) if of == "requests" else (spec.get("resources") or {}).get("limits") or {}
        found = read(own[resource]) if resource in own else total(resource, of, read)
        overhead = (spec.get("overhead") or {}).get(resource)
        return found + read(overhead) if found is not None and overhead else found

    asked = whole("cpu", "requests", quantities.milli_value) or 0
    cpu, memory = whole("cpu", "limits", quantities.milli_value), whole("memory", "limits", quantities.value)
    return Resources(
        cpu_period=PERIOD,
        cpu_quota=_quota(cpu or 0, cpus),
        cpu_shares=shares(asked),
        memory_limit=memory or 0,
    )


def shares(milli: int) -> int:
    return min(MOST_SHARES, max(LEAST_SHARES, milli * 1024 // 1000))


def qos_class(pod: Mapping[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort; the API says it, and a pod without its word is worked out."""
    told = (pod.get("status") or {}).get("qosClass")
    if told:
        return str(told)
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    if any(requests_of(spec)):
        containers = [spec]
    if not any((c.get("resources") or {}).get(of) for c in containers for of in ("limits", "requests")):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(container) for container in containers) else "Burstable"


def cgroup_parent(root: str, pod: Mapping[str, Any], qos: str) -> str:
    """`ROOT/kubepods[/burstable|/besteffort]/podUID`, as cgroupfs names it."""
    tier = {"Burstable": "/burstable", "BestEffort": "/besteffort"}.get(qos, "")
    return f"{root.rstrip('/')}/kubepods{tier}/pod{pod['metadata']['uid']}"


def _is_guaranteed(container: Container) -> bool:
    limits = (container.get("resources") or {}).get("limits") or {}
    requests = requests_of(container)
    return all(
        name in limits and quantities.parse(limits[name]) == quantities.parse(requests[name])
        for name in ("cpu", "memory")
    )


def _quota(milli: int, cpus: float) -> int:
    if not milli:
        return 0
    most = round(cpus * 1000) or milli
    return max(LEAST_QUOTA, min(milli, most) * PERIOD // 1000)


def _oom_score(qos: str, requests: Mapping[str, str], node_memory: int) -> int:
    if qos == "Guaranteed":
        return GUARANTEED_SCORE
    if qos == "BestEffort":
        return BEST_EFFORT_SCORE
    asked = quantities.value(requests["memory"]) if "memory" in requests else 0
    score = 1000 - 1000 * asked // max(node_memory, 1)
    return min(999, max(1000 + GUARANTEED_SCORE, score))


def _sum(containers: Iterable[Container], resource: str, of: str, read: Any) -> int | None:
    """The sum of `resource` over containers; for limits None when one has none."""
    total = 0
    for container in containers:
        limits = (container.get("resources") or {}).get("limits") or {}
        given = limits if of == "limits" else requests_of(container)
        if resource in given:
            total += read(given[resource])
        elif of == "limits":
            return None
    return total
