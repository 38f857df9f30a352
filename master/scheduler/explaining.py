"""Why a pod goes where it goes: of every node what speaks against it, or its scores by their names.

Contract: `explain` is pure and decides nothing; a pod that has a node already is looked at as if it had none yet.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from master.scheduler import mounts
from master.scheduler.budgets import read_budget
from master.scheduler.cluster import Cluster
from master.scheduler.decisions import Placement
from master.scheduler.nodes import NodeInfo, read_heartbeat, read_node
from master.scheduler.pods import Pod, read_pod
from master.scheduler.rules import Rules, refused, rules
from master.scheduler.scheduling import schedule
from master.scheduler.scores import SCORES
from master.scheduler.volumes import read_claim, read_class, read_volume

NODE_LEASES = "kube-node-lease"
OTHERS = "OtherPods"
"""What soft rules about other pods add: affinity and spread."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One node's: `reasons` against it, or what each score adds to its `total`."""

    node: str
    reasons: tuple[str, ...] = ()
    scores: tuple[tuple[str, float], ...] = ()

    @property
    def total(self) -> float:
        return sum(value for _, value in self.scores)


@dataclass(frozen=True, slots=True)
class Explanation:
    """`outcome` in a sentence; the nodes that fit come first, the best at the top."""

    outcome: str
    verdicts: tuple[Verdict, ...]


def explain(pod: Pod, cluster: Cluster) -> Explanation:
    present = cluster.placed(pod.key)
    if present is not None:
        cluster.remove_pod(pod.key)
        free = replace(pod, node="")
        return Explanation(f"runs on {present.node}", _verdicts(free, cluster))
    return Explanation(_outcome(pod, cluster), _verdicts(pod, cluster))


def _outcome(pod: Pod, cluster: Cluster) -> str:
    if pod.ended:
        return "has ended"
    if pod.gated:
        return "waits for its scheduling gates"
    decision = schedule(pod, cluster, random.Random(0))
    return "fits" if isinstance(decision, Placement) else decision.message


def _verdicts(pod: Pod, cluster: Cluster) -> tuple[Verdict, ...]:
    if mounts.obstacle(pod, cluster):
        return ()
    present = rules(pod, cluster)
    verdicts = [_verdict(pod, info, present) for info in cluster.nodes.values()]
    return tuple(sorted(verdicts, key=lambda verdict: (bool(verdict.reasons), -verdict.total, verdict.node)))


def _verdict(pod: Pod, info: NodeInfo, present: Rules | None) -> Verdict:
    against = refused(pod, info, present)
    if against is not None:
        return Verdict(info.node.name, against.reasons)
    scores = [(name, weight * of(pod.shape, info)) for name, of, weight in SCORES]
    if present is not None:
        scores.append((OTHERS, present.extra(info)))
    return Verdict(info.node.name, (), tuple(scores))


Listing = Callable[[str, str], Awaitable[list[dict[str, Any]]]]
"""(apiVersion, kind) → all objects."""


async def read_cluster(listing: Listing) -> Cluster:
    """The cluster as the scheduler would see it now."""
    cluster = Cluster()
    storage = cluster.storage
    for obj in await listing("v1", "Namespace"):
        cluster.namespaces[obj["metadata"]["name"]] = obj["metadata"].get("labels") or {}
    storage.claims |= {row.key: row for row in map(read_claim, await listing("v1", "PersistentVolumeClaim"))}
    storage.volumes |= {row.name: row for row in map(read_volume, await listing("v1", "PersistentVolume"))}
    storage.classes |= {row.name: row for row in map(read_class, await listing("storage.k8s.io/v1", "StorageClass"))}
    cluster.budgets |= {row.key: row for row in map(read_budget, await listing("policy/v1", "PodDisruptionBudget"))}
    for node in map(read_node, await listing("v1", "Node")):
        cluster.set_node(node)
    for lease in await listing("coordination.k8s.io/v1", "Lease"):
        if lease["metadata"]["namespace"] == NODE_LEASES:
            cluster.set_load(*read_heartbeat(lease))
    for pod in map(read_pod, await listing("v1", "Pod")):
        cluster.place(pod)
        if pod.nominated and not pod.node:
            cluster.nominations.promise(pod, pod.nominated)
    return cluster
