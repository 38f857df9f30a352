"""What the scheduler keeps of a pod: `Pod`, a few slots, and its `Shape`, shared by all pods that want the same.

Replicas differ in name only, so whatever depends on the shape alone (parsed requests, compiled selectors, which nodes
pass, how they rank) is worked out once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import orjson

from kube import affinity
from kube.affinity import NodeTerm, Preference
from kube.images import full_name
from kube.taints import Toleration, read_tolerations
from master.scheduler.requests import SCORED_DEFAULTS, Amounts, Held, held, pod_requests
from master.scheduler.topology import PodTerm, Spread, pod_terms, spreads

Key = tuple[str, str]
ENDED = frozenset(("Succeeded", "Failed"))


class HostPort(NamedTuple):
    protocol: str
    address: str
    port: int

    def clashes(self, other: HostPort) -> bool:
        same = self.port == other.port and self.protocol == other.protocol
        return same and (self.address == other.address or "0.0.0.0" in (self.address, other.address))


@dataclass(eq=False, slots=True, weakref_slot=True)
class Shape:
    """Everything of a pod's spec that decides where it may go, compiled; identity is equality (shapes are interned)."""

    namespace: str
    requests: Amounts
    scored: Amounts
    owner: str
    node_selector: dict[str, str]
    required: tuple[NodeTerm, ...] | None
    preferred: tuple[Preference, ...]
    tolerations: tuple[Toleration, ...]
    ports: tuple[HostPort, ...]
    near: tuple[PodTerm, ...]
    apart: tuple[PodTerm, ...]
    liked: tuple[PodTerm, ...]
    spreads: tuple[Spread, ...]
    images: tuple[str, ...]
    claims: tuple[str, ...]
    generated: frozenset[str]
    """Those of the claims that are made for the pod's generic ephemeral volumes."""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def coupled(self) -> bool:
        """Whether a node's fitness depends on pods of other nodes."""
        return bool(self.near or self.apart or self.liked or self.spreads)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod as the scheduler sees it; equal ones differ in nothing that matters here."""

    key: Key
    uid: str
    shape: Shape
    node: str = ""
    priority: int = 0
    scheduler: str = "default-scheduler"
    ended: bool = False
    deleting: bool = False
    gated: bool = False
    generation: int = 0
    unschedulable: str = ""
    preempts: bool = True
    nominated: str = ""
    started: str = ""


_shapes: WeakValueDictionary[bytes, Shape] = WeakValueDictionary()


def read_pod(obj: Mapping[str, Any]) -> Pod:
    """Project a Pod object; the spec's bulk is let go."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return Pod(
        key=(meta.get("namespace", ""), meta["name"]),
        uid=meta.get("uid", ""),
        shape=_shape(meta, spec, held(spec, status)),
        node=spec.get("nodeName") or "",
        priority=spec.get("priority") or 0,
        scheduler=spec.get("schedulerName") or "default-scheduler",
        ended=status.get("phase") in ENDED,
        deleting="deletionTimestamp" in meta,
        gated=bool(spec.get("schedulingGates")),
        generation=meta.get("generation") or 0,
        unschedulable=_said_unschedulable(status),
        preempts=spec.get("preemptionPolicy") != "Never",
        nominated=status.get("nominatedNodeName") or "",
        started=status.get("startTime") or "",
    )


def _said_unschedulable(status: Mapping[str, Any]) -> str:
    """The message of the condition that says the pod waits, so that the same is not written twice."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message", ""))
    return ""


def _shape(meta: Mapping[str, Any], spec: Mapping[str, Any], holds: Held) -> Shape:
    wanted = [
        meta.get("namespace", ""),
        meta.get("labels"),
        _owner(meta),
        [_asking(container) for container in spec.get("containers") or ()],
        [_asking(container) for container in spec.get("initContainers") or ()],
        *[spec.get(name) for name in SHAPING],
        _claims(spec),
        _generated(meta["name"], spec),
        dict(holds),
        [container.get("image") for container in spec.get("containers") or ()],
    ]
    key = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
    shape = _shapes.get(key)
    if shape is None:
        _shapes[key] = shape = _compile(meta, spec, holds)
    return shape


SHAPING = (
    "resources",
    "overhead",
    "nodeSelector",
    "affinity",
    "tolerations",
    "topologySpreadConstraints",
    "hostNetwork",
)


def _asking(container: Mapping[str, Any]) -> list[Any]:
    resources = container.get("resources")
    ports = [port for port in container.get("ports") or () if port.get("hostPort")]
    return [resources.get("requests") if resources else None, ports, container.get("restartPolicy")]


def _compile(meta: Mapping[str, Any], spec: Mapping[str, Any], holds: Held) -> Shape:
    namespace, labels = meta.get("namespace", ""), dict(meta.get("labels") or {})
    return Shape(
        namespace=namespace,
        requests=pod_requests(spec, holds=holds),
        scored=pod_requests(spec, SCORED_DEFAULTS, holds),
        owner=_owner(meta),
        node_selector=dict(spec.get("nodeSelector") or {}),
        required=affinity.required_terms(spec),
        preferred=affinity.preferences(spec),
        tolerations=read_tolerations(spec.get("tolerations")),
        ports=_host_ports(spec),
        near=pod_terms(spec, "podAffinity", namespace, labels),
        apart=pod_terms(spec, "podAntiAffinity", namespace, labels),
        liked=(
            *pod_terms(spec, "podAffinity", namespace, labels, required=False),
            *pod_terms(spec, "podAntiAffinity", namespace, labels, required=False),
        ),
        spreads=spreads(spec, labels),
        images=tuple(map(full_name, filter(None, (row.get("image") for row in spec.get("containers") or ())))),
        claims=(*_claims(spec), *_generated(meta["name"], spec)),
        generated=frozenset(_generated(meta["name"], spec)),
        labels=labels,
    )


def _owner(meta: Mapping[str, Any]) -> str:
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""


def _host_ports(spec: Mapping[str, Any]) -> tuple[HostPort, ...]:
    return tuple(
        HostPort(port.get("protocol", "TCP"), port.get("hostIP") or "0.0.0.0", port["hostPort"])
        for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def _claims(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        volume["persistentVolumeClaim"]["claimName"]
        for volume in spec.get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    )


def _generated(pod: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the claims of generic ephemeral volumes."""
    return tuple(f"{pod}-{volume['name']}" for volume in spec.get("volumes") or () if volume.get("ephemeral"))
