"""What rules a node out for a pod: one table, checked in order; the first filter with something to say says why.

Each filter gives its reasons in Kubernetes' words, empty when it has none.  `cure` tells what may lift it: a filter marked
`fixed` depends on the shape and the node's own facts only, and no other pod's leaving helps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kube.affinity import any_matches
from kube.taints import NO_EXECUTE, NO_SCHEDULE, UNSCHEDULABLE, Taint, first_untolerated
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Shape

Reasons = tuple[str, ...]
NONE: Reasons = ()
UNSCHEDULABLE_TAINT = Taint(UNSCHEDULABLE, "", NO_SCHEDULE)


class Filter(NamedTuple):
    name: str
    reasons: Callable[[Shape, NodeInfo], Reasons]
    fixed: bool


class Refusal(NamedTuple):
    """Why a node does not take a pod; `fixed` when no preemption could help."""

    reasons: Reasons
    fixed: bool


def unschedulable(shape: Shape, info: NodeInfo) -> Reasons:
    if not info.node.unschedulable or any(t.tolerates(UNSCHEDULABLE_TAINT) for t in shape.tolerations):
        return NONE
    return ("node(s) were unschedulable",)


def taints(shape: Shape, info: NodeInfo) -> Reasons:
    if not info.node.taints:
        return NONE
    untolerated = first_untolerated(info.node.taints, shape.tolerations, (NO_SCHEDULE, NO_EXECUTE))
    return ("node(s) had untolerated taint(s)",) if untolerated else NONE


def node_affinity(shape: Shape, info: NodeInfo) -> Reasons:
    labels = info.node.labels
    fits = all(labels.get(key) == value for key, value in shape.node_selector.items())
    if fits and shape.required is not None:
        fits = any_matches(shape.required, info.node.name, labels)
    return NONE if fits else ("node(s) didn't match Pod's node affinity/selector",)


def host_ports(shape: Shape, info: NodeInfo) -> Reasons:
    if any(port.clashes(taken) for port in shape.ports for taken in info.ports):
        return ("node(s) didn't have free ports for the requested pod ports",)
    return NONE


def capacity(shape: Shape, info: NodeInfo) -> Reasons:
    """What the pod asks and the node could not give were it empty."""
    allocatable = info.node.allocatable
    return tuple(f"Insufficient {name}" for name, asked in shape.requests.items() if asked > allocatable.get(name, 0))


def resources(shape: Shape, info: NodeInfo) -> Reasons:
    allocatable, requested = info.node.allocatable, info.requested
    lacking = tuple(
        f"Insufficient {name}"
        for name, asked in shape.requests.items()
        if asked > allocatable.get(name, 0) - requested.get(name, 0)
    )
    return lacking if info.count < allocatable.get("pods", 0) else ("Too many pods", *lacking)


FILTERS: tuple[Filter, ...] = (
    Filter("NodeUnschedulable", unschedulable, fixed=True),
    Filter("TaintToleration", taints, fixed=True),
    Filter("NodeAffinity", node_affinity, fixed=True),
    Filter("NodePorts", host_ports, fixed=False),
    Filter("NodeResourcesCapacity", capacity, fixed=True),
    Filter("NodeResourcesFit", resources, fixed=False),
)


def refusal(shape: Shape, info: NodeInfo) -> Refusal | None:
    """The first filter's word against the node; None when the node can take the pod."""
    for _name, reasons_of, fixed in FILTERS:
        if reasons := reasons_of(shape, info):
            return Refusal(reasons, fixed)
    return None
