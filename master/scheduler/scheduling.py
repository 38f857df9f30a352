"""The decision: `schedule(pod, cluster) -> Placement | Unschedulable`, pure but for what it remembers to be fast.

How it stays cheap: pods of one shape share a `Ranking`.  A shape that is seen for the first time in a large cluster may
never come back, so it gets no ranking but the best of a sample; the sample starts where the last one ended.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from master.scheduler import wording
from master.scheduler.cluster import Cluster
from master.scheduler.coupling import Coupling, coupling
from master.scheduler.filters import Refusal, refusal
from master.scheduler.pods import Pod, Shape
from master.scheduler.rankings import SAMPLE, Best, Ranking
from master.scheduler.scores import score

RANKINGS = 64
SEEN = 4096


class Cure(Enum):
    """What may let a waiting pod in."""

    NODE = "a node came or its facts changed"
    LEFT = "a pod left a node"
    CAME = "a pod came to a node"
    CLAIM = "a claim came or was bound"


@dataclass(frozen=True, slots=True)
class Placement:
    node: str
    score: float


@dataclass(frozen=True, slots=True)
class Unschedulable:
    message: str
    cures: frozenset[Cure]


Decision = Placement | Unschedulable


class Scheduler:
    """Decides over one `Cluster`; `rng` breaks ties, so that a seed fixes every decision."""

    def __init__(self, cluster: Cluster, rng: random.Random, sampled_above: int = SAMPLE) -> None:
        self._cluster, self._rng, self._sampled_above = cluster, rng, sampled_above
        self._rankings: OrderedDict[Shape, Ranking] = OrderedDict()
        self._seen: OrderedDict[Shape, None] = OrderedDict()
        self._order: list[str] = []
        self._order_version = -1
        self._start = 0

    def schedule(self, pod: Pod) -> Decision:
        if (waiting := self._claims(pod.shape)) is not None:
            return waiting
        coupled = coupling(pod, self._cluster)
        if self._wants_ranking(pod.shape):
            ranking = self._ranking(pod.shape)
            best = ranking.best(coupled)
            refusals = ranking.refusals
        else:
            best, refusals = self._sampled(pod.shape, coupled), None
        if best is not None:
            return Placement(best.node, best.score)
        return self._refused(pod.shape, coupled, refusals)

    def _claims(self, shape: Shape) -> Unschedulable | None:
        total = len(self._cluster.nodes)
        for name in shape.claims:
            phase = self._cluster.claims.get((shape.namespace, name))
            if phase is None:
                return Unschedulable(wording.missing_claim(total, name), frozenset((Cure.CLAIM,)))
            if phase != "Bound":
                return Unschedulable(wording.unbound_claim(total), frozenset((Cure.CLAIM,)))
        return None

    def _wants_ranking(self, shape: Shape) -> bool:
        if len(self._cluster.nodes) <= self._sampled_above or shape in self._rankings or shape in self._seen:
            return True
        self._seen[shape] = None
        if len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return False

    def _ranking(self, shape: Shape) -> Ranking:
        ranking = self._rankings.get(shape)
        if ranking is None:
            self._rankings[shape] = ranking = Ranking(shape, self._cluster, self._rng)
            if len(self._rankings) > RANKINGS:
                self._rankings.popitem(last=False)
        self._rankings.move_to_end(shape)
        ranking.refresh()
        return ranking

    def _sampled(self, shape: Shape, coupled: Coupling | None) -> Best | None:
        fitting = islice(self._fitting(shape, coupled), SAMPLE)
        return max(fitting, key=lambda best: (best.score, self._rng.random()), default=None)

    def _fitting(self, shape: Shape, coupled: Coupling | None) -> Iterator[Best]:
        if self._order_version != self._cluster.facts_version:
            self._order = list(self._cluster.nodes)
            self._order_version = self._cluster.facts_version
        order, start = self._order, self._start
        for step in range(len(order)):
            self._start = (start + step + 1) % len(order)
            info = self._cluster.nodes[order[(start + step) % len(order)]]
            if refusal(shape, info) is None and (coupled is None or coupled.refusal(info) is None):
                extra = coupled.extra(info) if coupled is not None else 0.0
                yield Best(info.node.name, score(shape, info) + extra)

    def _refused(self, shape: Shape, coupled: Coupling | None, known: dict[str, Refusal] | None) -> Unschedulable:
        nodes = self._cluster.nodes
        refusals = list(known.values()) if known is not None else []
        for name, info in nodes.items():
            if known is None or name not in known:
                why = (refusal(shape, info) if known is None else None) or (coupled and coupled.refusal(info))
                if why:
                    refusals.append(why)
        cures = {Cure.NODE}
        if any(not refused.fixed for refused in refusals):
            cures.add(Cure.LEFT)
        if coupled is not None:
            cures |= {Cure.LEFT, Cure.CAME}
        return Unschedulable(wording.message(len(nodes), refusals), frozenset(cures))


def schedule(pod: Pod, cluster: Cluster, rng: random.Random) -> Decision:
    """One decision from nothing: every node is judged.  What the remembering scheduler must agree with."""
    return Scheduler(cluster, rng, sampled_above=len(cluster.nodes)).schedule(pod)
