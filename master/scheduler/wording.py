"""Why a pod waits, in the words that people and scripts know from Kubernetes' scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from master.scheduler.filters import Refusal

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NEVER_PREEMPTS = "not eligible due to preemptionPolicy=Never."
STILL_LEAVING = "not eligible due to a terminating pod on the nominated node."
NO_NODES = "no nodes available to schedule pods"


def available(nodes: int, reasons: Counter[str]) -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`"""
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{nodes} nodes are available: {listed}."


def message(nodes: int, refusals: Iterable[Refusal], preemption: str = "") -> str:
    """`preemption` says why sending pods away does not help; empty while some are being sent away."""
    if not nodes:
        return NO_NODES
    reasons = Counter(reason for refused in refusals for reason in refused.reasons)
    tried = f" no new claims to deallocate, preemption: {preemption}" if preemption else ""
    return available(nodes, reasons) + tried


def no_claim(nodes: int, name: str, generated: bool) -> str:
    if generated:
        said = f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
        return hindered(nodes, said)
    return f'0/{nodes} nodes are available: persistentvolumeclaim "{name}" not found. not found'


def hindered(nodes: int, obstacle: str) -> str:
    """Something that is so whatever the node."""
    return (
        f"0/{nodes} nodes are available: {obstacle}. "
        f"no new claims to deallocate, preemption: 0/{nodes} nodes are available: {nodes} {NOT_HELPFUL}."
    )
