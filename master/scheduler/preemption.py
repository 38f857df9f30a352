"""Room for an important pod: the node where the least would be lost if less important pods went, and which these are.

How it works: on each node that other pods keep the pod from, all less important ones are taken away; if the pod then fits,
they are put back one by one, those under a spent disruption budget first and then the more important ones first, and
who leaves no room stays away: a victim.  Among the nodes the fewest violated budgets decide, then the least important
highest victim, the smallest sum of priorities, the fewest victims, and the latest start of the most important ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from master.scheduler import wording
from master.scheduler.budgets import divided
from master.scheduler.cluster import Cluster
from master.scheduler.filters import Refusal
from master.scheduler.pods import Pod
from master.scheduler.rules import refused, rules

CANDIDATES, SHARE = 100, 10
"""Nodes compared at most: this many, or one in so many of a larger cluster."""
LOWEST = 2**31
"""Makes every priority positive, so that each victim counts in a sum."""
NEVER_STARTED = "~"
"""Sorts behind every time."""


class Victims(NamedTuple):
    """Who goes from a node, the most important first; `violations` of them against a budget."""

    node: str
    pods: tuple[Pod, ...]
    violations: int

    @property
    def loss(self) -> tuple[int, int, int, int]:
        priorities = [pod.priority for pod in self.pods]
        return self.violations, max(priorities), sum(p + LOWEST for p in priorities), len(priorities)

    @property
    def since(self) -> str:
        """When the first of the most important victims started."""
        highest = max(pod.priority for pod in self.pods)
        return min(_started(pod) for pod in self.pods if pod.priority == highest)


class Futile(NamedTuple):
    """Preemption does not help; `reasons` by node, or one `why` for all."""

    reasons: Mapping[str, tuple[str, ...]]
    why: str = ""


def preempt(pod: Pod, refusals: Mapping[str, Refusal], cluster: Cluster, rng: random.Random) -> Victims | Futile:
    """`refusals` tells of every node why the pod does not fit now."""
    why = ineligible(pod, refusals, cluster)
    if why:
        return Futile({}, why)
    reasons: dict[str, tuple[str, ...]]
    reasons = {node: (wording.NOT_HELPFUL,) for node, refusal in refusals.items() if refusal.fixed}
    found: list[Victims] = []
    most = max(CANDIDATES, len(refusals) // SHARE)
    for node in _from_anywhere([node for node, refusal in refusals.items() if not refusal.fixed], rng):
        victims = victims_on(node, pod, cluster)
        if isinstance(victims, Victims):
            found.append(victims)
            if len(found) == most:
                break
        else:
            reasons[node] = victims
    return cheapest(found) if found else Futile(reasons)


def cheapest(found: list[Victims]) -> Victims:
    least = min(victims.loss for victims in found)
    return max((victims for victims in found if victims.loss == least), key=lambda victims: victims.since)


def ineligible(pod: Pod, refusals: Mapping[str, Refusal], cluster: Cluster) -> str:
    """Why the pod may send nobody away: it does not want to, or those that go for it already are still there."""
    if not pod.preempts:
        return wording.NEVER_PREEMPTS
    promised = cluster.nominations.node_of(pod.key)
    if promised in refusals and refusals[promised].fixed:
        return ""
    leaving = (other for other in cluster.pods.get(promised, {}).values() if other.deleting)
    return wording.STILL_LEAVING if any(other.priority < pod.priority for other in leaving) else ""


def victims_on(node: str, pod: Pod, cluster: Cluster) -> Victims | tuple[str, ...]:
    """The fewest pods whose leaving lets the pod in; or why none does."""
    lower = sorted((other for other in cluster.pods.get(node, {}).values() if other.priority < pod.priority), key=_rank)
    if not lower:
        return (wording.NO_VICTIMS,)
    with cluster.trial(node):
        for other in lower:
            cluster.remove_pod(other.key)
        present = _refused(pod, node, cluster)
        if present is not None:
            return present.reasons
        violating, granted = divided(lower, cluster.budgets.values())
        against = _staying_away(violating, pod, node, cluster)
        victims = sorted([*against, *_staying_away(granted, pod, node, cluster)], key=_rank)
    return Victims(node, tuple(victims), len(against))


def _staying_away(others: list[Pod], pod: Pod, node: str, cluster: Cluster) -> list[Pod]:
    """Put them back one by one; who takes the pod's room is taken away again, and given."""
    away: list[Pod] = []
    for other in others:
        cluster.place(other)
        if _refused(pod, node, cluster) is not None:
            cluster.remove_pod(other.key)
            away.append(other)
    return away


def _refused(pod: Pod, node: str, cluster: Cluster) -> Refusal | None:
    return refused(pod, cluster.nodes[node], rules(pod, cluster))


def _rank(pod: Pod) -> tuple[int, str]:
    """The more important first; among equals, who has run for longer."""
    return -pod.priority, _started(pod)


def _started(pod: Pod) -> str:
    return pod.started or NEVER_STARTED


def _from_anywhere(nodes: list[str], rng: random.Random) -> Iterator[str]:
    start = rng.randrange(len(nodes)) if nodes else 0
    yield from nodes[start:]
    yield from nodes[:start]
