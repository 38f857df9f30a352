"""Why a pod waits, in the words that people and scripts know from Kubernetes' scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from master.scheduler.filters import Refusal

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_NODES = "no nodes available to schedule pods"


def available(nodes: int, reasons: Counter[str]) -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`"""
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{nodes} nodes are available: {listed}."


def message(nodes: int, refusals: Iterable[Refusal]) -> str:
    if not nodes:
        return NO_NODES
    reasons: Counter[str] = Counter()
    preemption: Counter[str] = Counter()
    for refused in refusals:
        reasons.update(refused.reasons)
        preemption[NOT_HELPFUL if refused.fixed else NO_VICTIMS] += 1
    return f"{available(nodes, reasons)} no new claims to deallocate, preemption: {available(nodes, preemption)}"


def missing_claim(nodes: int, name: str) -> str:
    return f'0/{nodes} nodes are available: persistentvolumeclaim "{name}" not found. not found'


def unbound_claim(nodes: int) -> str:
    return (
        f"0/{nodes} nodes are available: pod has unbound immediate PersistentVolumeClaims. "
        f"no new claims to deallocate, preemption: 0/{nodes} nodes are available: {nodes} {NOT_HELPFUL}."
    )
