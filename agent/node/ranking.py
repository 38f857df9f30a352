"""Which pod goes first when a node runs short, and in which words.  Pure.

The order is the kubelet's: who uses more than it asked for, then the less important, then who exceeds its request by most.
For processes only the importance counts.  Critical pods and those of the node's own files stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.node.thresholds import Level, Threshold
from kube import quantities

CRITICAL = 2_000_000_000
MIRROR = "kubernetes.io/config.mirror"
OVER = {"Succeeded", "Failed"}
Pod = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses, in bytes."""

    memory: int = 0
    disk: int = 0

    def of(self, resource: str) -> int:
        return {"memory": self.memory, "ephemeral-storage": self.disk}.get(resource, 0)


Uses = Mapping[str, Mapping[str, Use]]
"""By the pod's uid and the container's name."""


def ranked(pods: Iterable[Pod], uses: Uses, resource: str) -> list[Pod]:
    """Those that may be evicted, the first to go first."""

    def place(pod: Pod) -> tuple[bool, int, int]:
        used = sum(use.of(resource) for use in uses.get(pod["metadata"]["uid"], {}).values())
        excess = used - sum(request(container, resource) for container in _containers(pod))
        importance = int(pod["spec"].get("priority") or 0)
        return (excess <= 0, importance, -excess) if resource in MEASURED else (False, importance, 0)

    return sorted(filter(may_go, pods), key=place)


MEASURED = ("memory", "ephemeral-storage")


def may_go(pod: Pod) -> bool:
    meta = pod["metadata"]
    critical = int(pod["spec"].get("priority") or 0) >= CRITICAL
    ended = (pod.get("status") or {}).get("phase") in OVER or bool(meta.get("deletionTimestamp"))
    return not (critical or ended or MIRROR in (meta.get("annotations") or {}))


def request(container: Mapping[str, Any], resource: str) -> int:
    given = (container.get("resources") or {}).get("requests") or {}
    return quantities.value(given[resource]) if resource in given else 0


def message(pod: Pod, used: Mapping[str, Use], threshold: Threshold, level: Level) -> str:
    """What the status and the event of an evicted pod say."""
    resource = threshold.resource
    binary = threshold.signal.endswith("available") and resource != "pids"
    said = f"The node was low on resource: {resource}. "
    said += f"Threshold quantity: {_amount(threshold.quantity(level.capacity), binary)}, "
    said += f"available: {_amount(level.available, binary)}. "
    for container in _containers(pod):
        use, asked = used.get(container["name"], Use()).of(resource), request(container, resource)
        if use > asked:
            said += f"Container {container['name']} was using {_amount(use, True)}, "
            said += f"request is {_asked(container, resource)}, has larger consumption of {resource}. "
    return said


def _asked(container: Mapping[str, Any], resource: str) -> str:
    return str(((container.get("resources") or {}).get("requests") or {}).get(resource, "0"))


def _amount(number: int, binary: bool) -> str:
    return f"{number // 1024}Ki" if binary else str(number)


def _containers(pod: Pod) -> Sequence[Mapping[str, Any]]:
    sidecars = [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [*sidecars, *pod["spec"]["containers"]]
