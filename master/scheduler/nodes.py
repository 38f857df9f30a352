"""What the scheduler keeps of a node: `Node`, its own facts, and `NodeInfo`, those with what its pods take.

Both are immutable: a change makes a new one, so that a decision never sees half of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import orjson

from kube.taints import Taint, read_taints
from master.scheduler.images import read_images
from master.scheduler.pods import HostPort, Pod
from master.scheduler.requests import Amounts, read_amounts

LOAD_ANNOTATION = "wherry.dev/load"
NO_AMOUNTS: Mapping[str, int] = {}


class Load(NamedTuple):
    """Shares of the machine in use as the agent measures them, in tenths, so that small changes reorder nothing."""

    cpu: float = 0.0
    memory: float = 0.0
    throttled: bool = False


NO_LOAD = Load()


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    allocatable: Amounts = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    load: Load = NO_LOAD
    images: Mapping[str, int] = field(default_factory=dict)
    """Sizes of the images it has, by their names."""

    def under(self, load: Load) -> Node:
        return replace(self, load=load)


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node with its pods: what they request, how they weigh in scores, their host ports, how many of each owner."""

    node: Node
    requested: Mapping[str, int] = field(default_factory=dict)
    scored_cpu: int = 0
    scored_memory: int = 0
    count: int = 0
    ports: tuple[HostPort, ...] = ()
    owners: Mapping[str, int] = field(default_factory=dict)

    def with_pod(self, pod: Pod) -> NodeInfo:
        return self._changed(pod, 1, (*self.ports, *pod.shape.ports))

    def without_pod(self, pod: Pod) -> NodeInfo:
        ports = self.ports
        if pod.shape.ports:
            left = list(ports)
            for port in pod.shape.ports:
                left.remove(port)
            ports = tuple(left)
        return self._changed(pod, -1, ports)

    def on_node(self, node: Node) -> NodeInfo:
        return NodeInfo(node, self.requested, self.scored_cpu, self.scored_memory, self.count, self.ports, self.owners)

    def _changed(self, pod: Pod, sign: int, ports: tuple[HostPort, ...]) -> NodeInfo:
        shape = pod.shape
        requested = self.requested
        if shape.requests:
            requested = dict(requested)
            for name, value in shape.requests.items():
                requested[name] = requested.get(name, 0) + sign * value
        owners = self.owners
        if shape.owner:
            owners = dict(owners)
            owners[shape.owner] = owners.get(shape.owner, 0) + sign
            if not owners[shape.owner]:
                del owners[shape.owner]
        return NodeInfo(
            self.node,
            requested,
            self.scored_cpu + sign * shape.scored.get("cpu", 0),
            self.scored_memory + sign * shape.scored.get("memory", 0),
            self.count + sign,
            ports,
            owners,
        )


def read_node(obj: Mapping[str, Any]) -> Node:
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return Node(
        name=meta["name"],
        allocatable=read_amounts(status.get("allocatable") or status.get("capacity")),
        labels=dict(meta.get("labels") or {}),
        taints=read_taints(spec.get("taints")),
        unschedulable=bool(spec.get("unschedulable")),
        images=read_images(status.get("images")),
    )


def read_heartbeat(lease: Mapping[str, Any]) -> tuple[str, Load]:
    """A node's name and the load that its Lease carries."""
    meta = lease["metadata"]
    return meta["name"], read_load((meta.get("annotations") or {}).get(LOAD_ANNOTATION))


def read_load(text: str | None) -> Load:
    """`{"cpu": 0.12, "memory": 0.4, "throttled": false}`; a claim of the node, so nonsense counts as no load."""
    if not text:
        return NO_LOAD
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return NO_LOAD
    if not isinstance(said, dict):
        return NO_LOAD
    return Load(_share(said.get("cpu")), _share(said.get("memory")), said.get("throttled") is True)


def _share(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 0.0
    return round(min(max(float(value), 0.0), 1.0), 1)
