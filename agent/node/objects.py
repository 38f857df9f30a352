"""The Node and Lease objects of this machine: pure, from facts to what is written.

Fields, condition types and reasons: Kubernetes API v1 Node, coordination.k8s.io/v1 Lease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.node.capacity import Capacity, Load
from agent.node.thresholds import Threshold
from kube import quantities
from kube.resources import is_extended

Object = dict[str, Any]

LOAD_ANNOTATION = "wherry.dev/load"
LEASE_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Kept:
    """What pods do not get: quantities for the system by resource, and the thresholds below which pods are ended."""

    reserved: Mapping[str, str] = field(default_factory=dict)
    hard: Sequence[Threshold] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while the agent runs."""

    name: str
    address: str
    architecture: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[str] = ()
    max_pods: int = 110
    port: int = 10250
    kept: Kept = Kept()


@dataclass(frozen=True, slots=True)
class Health:
    """Empty texts mean well; otherwise they say what is wrong.  `pressures` are conditions that are true."""

    runtime: str = ""
    network: str = ""
    pressures: frozenset[str] = frozenset()

    @property
    def problem(self) -> str:
        """Why the node is not Ready."""
        return "; ".join(filter(None, (self.runtime, self.network)))


def new_node(identity: Identity) -> Object:
    """The Node as this machine registers it."""
    labels = {
        "beta.kubernetes.io/arch": identity.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": identity.architecture,
        "kubernetes.io/hostname": identity.name,
        "kubernetes.io/os": "linux",
    }
    node: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": identity.name, "labels": labels | dict(identity.labels)},
        "spec": {},
    }
    if identity.taints:
        node["spec"]["taints"] = [parse_taint(text) for text in identity.taints]
    return node


def parse_taint(text: str) -> Object:
    """`key=value:Effect` or `key:Effect`."""
    body, _, effect = text.rpartition(":")
    key, _, value = body.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def resources(capacity: Capacity, max_pods: int, kept: Kept) -> tuple[Object, Object]:
    """Node.status.capacity and .allocatable: capacity less what is reserved and the hard thresholds of eviction."""
    disk = capacity.disk - _kept(kept, "ephemeral-storage", "nodefs.available", capacity.disk)
    memory = capacity.memory - min(_kept(kept, "memory", "memory.available", capacity.memory), capacity.memory // 4)
    milli = round(capacity.cpus * 1000) - quantities.milli_value(kept.reserved.get("cpu", "0"))
    has = {
        "cpu": cpu_quantity(capacity.cpus),
        "ephemeral-storage": f"{capacity.disk // 1024}Ki",
        "memory": f"{capacity.memory // 1024}Ki",
        "pods": str(max_pods),
    }
    return has, has | {
        "cpu": cpu_quantity(max(0, milli) / 1000),
        "ephemeral-storage": str(max(0, disk)),
        "memory": f"{memory // 1024}Ki",
    }


def advertised(node: Object | None) -> Object:
    """What others advertise in a node's capacity becomes allocatable as it is, and goes with it (None: take it out)."""
    present = (node or {}).get("status") or {}
    there, told = (filter(is_extended, present.get(name) or ()) for name in ("capacity", "allocatable"))
    return dict.fromkeys(told) | {name: present["capacity"][name] for name in there}


def _kept(kept: Kept, resource: str, signal: str, capacity: int) -> int:
    held = sum(one.quantity(capacity) for one in kept.hard if one.signal == signal)
    return held + quantities.value(kept.reserved.get(resource, "0"))


def cpu_quantity(cpus: float) -> str:
    milli = round(cpus * 1000)
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


# Type, then reason and message while it is False and while it is True: the words that scripts look for.
PRESSURES = (
    (
        "MemoryPressure",
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    (
        "DiskPressure",
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    (
        "PIDPressure",
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
)
# What is told as an event when a condition becomes so.
EVENTS = {
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}
READY = ("KubeletReady", "kubelet is posting ready status")


def conditions(health: Health, before: Sequence[Object], now: str) -> list[Object]:
    """All four conditions; lastTransitionTime moves only when the status does."""
    rows = [(kind, on, *(bad if on else well)) for kind, well, bad in PRESSURES for on in (kind in health.pressures,)]
    problem = health.problem
    rows.append(("Ready", not problem, *(("KubeletNotReady", problem) if problem else READY)))
    known = {condition["type"]: condition for condition in before}
    return [_condition(known.get(row[0]), row, now) for row in rows]


def turns(before: Sequence[Object], after: Sequence[Object]) -> list[str]:
    """The reasons of events for what changed; a node that is new tells its pressures, and Ready once it changes."""
    known = {row["type"]: row["status"] for row in before}
    new = {row["type"]: row["status"] for row in after if known.get(row["type"]) != row["status"]}
    return [EVENTS[kind, status] for kind, status in new.items() if kind != "Ready" or kind in known]


def _condition(before: Object | None, row: tuple[str, bool, str, str], now: str) -> Object:
    kind, status, reason, message = row
    text = "True" if status else "False"
    since = before["lastTransitionTime"] if before and before["status"] == text else now
    return {
        "type": kind,
        "status": text,
        "lastHeartbeatTime": now,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }


def status(
    identity: Identity,
    capacity: Capacity,
    info: Mapping[str, str],
    images: Sequence[Object],
    ready: Sequence[Object],
    present: Object | None = None,
) -> Object:
    """Node.status without the fields that others write; `present` is the node as it is, if known."""
    has, allocatable = resources(capacity, identity.max_pods, identity.kept)
    return {
        "capacity": has,
        "allocatable": allocatable | advertised(present),
        "addresses": [
            {"type": "InternalIP", "address": identity.address},
            {"type": "Hostname", "address": identity.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": identity.port}},
        "nodeInfo": dict(info),
        "images": list(images),
        "conditions": list(ready),
    }


def lease(name: str, load: Load, now: str, owner: Object | None, before: Object | None = None) -> Object:
    """The Lease that says the node lives; the load rides on it, so that it costs no write of its own."""
    meta: Object = dict(before["metadata"]) if before else {"name": name, "namespace": "kube-node-lease"}
    meta["annotations"] = {LOAD_ANNOTATION: orjson.dumps(load.to_json()).decode()}
    if owner and "ownerReferences" not in meta:
        meta["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner["metadata"]["uid"]},
        ]
    spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
