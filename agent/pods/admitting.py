"""Whether the node takes a pod that was bound to it: the last word after the scheduler's, in upstream's reasons.  Pure.

Asked once, when a pod is seen for the first time: what runs already is not judged again.  A refused pod is Failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.pods.places import NodeFacts
from kube import quantities
from kube.affinity import any_matches, required_terms
from kube.quotas import pod_total
from kube.taints import NO_EXECUTE, first_untolerated, read_taints, read_tolerations

Object = Mapping[str, Any]
FINAL = {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class Rejection:
    reason: str
    message: str


def is_new(pod: Object) -> bool:
    """Whether no agent has taken the pod yet."""
    return not (pod.get("status") or {}).get("startTime")


def rejection(pod: Object, facts: NodeFacts, node: Object | None, others: Iterable[Object]) -> Rejection | None:
    """Why the node does not take `pod` beside the `others` it took; None when it does.  `node` is its object, if known."""
    active = [other for other in others if (other.get("status") or {}).get("phase") not in FINAL]
    return (
        _wrong_system(pod)
        or (_wrong_node(pod, node) if node else None)
        or _no_room(pod, facts.allocatable, active)
        or _taken_port(pod, active)
    )


def _wrong_system(pod: Object) -> Rejection | None:
    system = (pod["spec"].get("os") or {}).get("name", "linux")
    if system == "linux":
        return None
    return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")


def _wrong_node(pod: Object, node: Object) -> Rejection | None:
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    terms = required_terms(spec)
    fits = all(labels.get(key) == value for key, value in (spec.get("nodeSelector") or {}).items())
    if not fits or (terms is not None and not any_matches(terms, node["metadata"]["name"], labels)):
        return _failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    taints = read_taints((node.get("spec") or {}).get("taints"))
    if first_untolerated(taints, read_tolerations(spec.get("tolerations")), (NO_EXECUTE,)):
        return _failed("TaintToleration", "node(s) had untolerated taint(s)")
    return None


def _no_room(pod: Object, room: Mapping[str, str], others: list[Object]) -> Rejection | None:
    if "pods" in room and len(others) + 1 > int(room["pods"]):
        return _short_of("pods", 1, len(others), int(room["pods"]))
    taken = [pod_total(other["spec"], "requests") for other in others]
    for name, amount in pod_total(pod["spec"], "requests").items():
        if name not in room or amount.nanos == 0:
            continue
        scale = 1_000_000 if name == "cpu" else 1_000_000_000
        asked, has = amount.nanos // scale, quantities.parse(room[name]).nanos // scale
        used = sum(other[name].nanos for other in taken if name in other) // scale
        if asked + used > has:
            return _short_of(name, asked, used, has)
    return None


def _short_of(resource: str, asked: int, used: int, has: int) -> Rejection:
    figures = f"requested: {asked}, used: {used}, capacity: {has}"
    return Rejection(f"OutOf{resource}", f"Node didn't have enough resource: {resource}, {figures}")


def _taken_port(pod: Object, others: list[Object]) -> Rejection | None:
    taken = {port for other in others for port in _host_ports(other)}
    if any(_clash(port, other) for port in _host_ports(pod) for other in taken):
        return _failed("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    return None


def _host_ports(pod: Object) -> set[tuple[str, str, int]]:
    """(address, protocol, port) of the node that a pod takes; no address is every address."""
    return {
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def _clash(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    return one[1:] == other[1:] and (one[0] == other[0] or "0.0.0.0" in {one[0], other[0]})


def _failed(predicate: str, said: str) -> Rejection:
    return Rejection(predicate, f"Predicate {predicate} failed: {said}")
