"""What decides about a pod beyond its shape and the one node: volumes, other pods, promised rooms; asked node by node.

Each check refuses a node, or adds to its score.  `rules` gives None where nothing matters but shape and node, which is
the common case and the fast one.
"""

from __future__ import annotations

from typing import Protocol

from master.scheduler.cluster import Cluster
from master.scheduler.coupling import coupling
from master.scheduler.filters import Refusal, refusal
from master.scheduler.mounts import mounts
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Pod


class Check(Protocol):
    def refusal(self, info: NodeInfo) -> Refusal | None: ...

    def extra(self, info: NodeInfo) -> float: ...


class Rules:
    def __init__(self, checks: tuple[Check, ...]) -> None:
        self._checks = checks

    def refusal(self, info: NodeInfo) -> Refusal | None:
        return next(filter(None, (check.refusal(info) for check in self._checks)), None)

    def extra(self, info: NodeInfo) -> float:
        return sum(check.extra(info) for check in self._checks)


def rules(pod: Pod, cluster: Cluster) -> Rules | None:
    found: tuple[Check | None, ...] = (
        mounts(pod, cluster),
        coupling(pod, cluster),
        cluster.nominations.guests(pod),
    )
    checks = tuple(check for check in found if check is not None)
    return Rules(checks) if checks else None


def refused(pod: Pod, info: NodeInfo, present: Rules | None) -> Refusal | None:
    """Why the node cannot take the pod, by whatever rule; None when it can."""
    return refusal(pod.shape, info) or (present.refusal(info) if present is not None else None)
