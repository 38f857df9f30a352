"""The decision: `schedule(pod, cluster) -> Placement | Preemption | Unschedulable`, pure but for what it remembers to be fast.

How it stays cheap: pods of one shape share a `Ranking`.  A shape that is seen for the first time in a large cluster may
never come back, so it gets no ranking but the best of a sample; the sample starts where the last one ended.
"""

from __future__ import annotations

import random
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from master.scheduler import mounts, wording
from master.scheduler.cluster import Cluster
from master.scheduler.decisions import Cure, Decision, Placement, Preemption, Unschedulable, Waiting
from master.scheduler.filters import Refusal
from master.scheduler.pods import Pod, Shape
from master.scheduler.preemption import Victims, preempt
from master.scheduler.rankings import SAMPLE, Best, Ranking
from master.scheduler.rules import Rules, refused, rules
from master.scheduler.scores import score
from master.scheduler.volumes import NO_PLAN

RANKINGS = 64
SEEN = 4096


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
        if obstacle := mounts.obstacle(pod, self._cluster):
            return Unschedulable(obstacle, frozenset((Cure.CLAIM,)))
        present = rules(pod, self._cluster)
        if (promised := self._promised(pod, present)) is not None:
            return promised
        known: Mapping[str, Refusal] = {}
        if self._wants_ranking(pod.shape):
            ranking = self._ranking(pod.shape)
            best, known = ranking.best(present), ranking.refusals
        else:
            best = self._sampled(pod, present)
        return self._placed(pod, best) if best is not None else self._refused(pod, present, known)

    def _placed(self, pod: Pod, best: Best) -> Placement:
        served = mounts.mounts(pod, self._cluster)
        plan = served.plan(self._cluster.nodes[best.node]) if served is not None else None
        return Placement(best.node, best.score, plan or NO_PLAN)

    def _promised(self, pod: Pod, present: Rules | None) -> Placement | None:
        """The node whose pods made room for this one, if there is room by now."""
        info = self._cluster.nodes.get(self._cluster.nominations.node_of(pod.key))
        if info is None or refused(pod, info, present) is not None:
            return None
        return self._placed(pod, Best(info.node.name, score(pod.shape, info)))

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

    def _sampled(self, pod: Pod, present: Rules | None) -> Best | None:
        fitting = islice(self._fitting(pod, present), SAMPLE)
        return max(fitting, key=lambda best: (best.score, self._rng.random()), default=None)

    def _fitting(self, pod: Pod, present: Rules | None) -> Iterator[Best]:
        if self._order_version != self._cluster.facts_version:
            self._order = list(self._cluster.nodes)
            self._order_version = self._cluster.facts_version
        order, start = self._order, self._start
        for step in range(len(order)):
            self._start = (start + step + 1) % len(order)
            info = self._cluster.nodes[order[(start + step) % len(order)]]
            if refused(pod, info, present) is None:
                extra = present.extra(info) if present is not None else 0.0
                yield Best(info.node.name, score(pod.shape, info) + extra)

    def _refused(self, pod: Pod, present: Rules | None, known: Mapping[str, Refusal]) -> Waiting:
        """No node takes the pod now: who is to make room, or what it waits for."""
        refusals: dict[str, Refusal] = {}
        for name, info in self._cluster.nodes.items():
            why = known.get(name) or refused(pod, info, present)
            if why is not None:
                refusals[name] = why
        cures = {Cure.NODE}
        if any(not why.fixed for why in refusals.values()):
            cures.add(Cure.LEFT)
        if present is not None:
            cures |= {Cure.LEFT, Cure.CAME}
        if pod.shape.claims:
            cures.add(Cure.CLAIM)
        total, outcome = len(self._cluster.nodes), preempt(pod, refusals, self._cluster, self._rng)
        if isinstance(outcome, Victims):
            message = wording.message(total, refusals.values())
            return Preemption(message, frozenset(cures), outcome.node, outcome.pods)
        futile = outcome.why or wording.available(total, Counter(chain.from_iterable(outcome.reasons.values())))
        message = wording.message(total, refusals.values(), futile)
        return Unschedulable(message, frozenset(cures), keeps_promise=bool(outcome.why))


def schedule(pod: Pod, cluster: Cluster, rng: random.Random) -> Decision:
    """One decision from nothing: every node is judged.  What the remembering scheduler must agree with."""
    return Scheduler(cluster, rng, sampled_above=len(cluster.nodes)).schedule(pod)
