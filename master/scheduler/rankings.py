"""The nodes in the order one shape of pods likes them, kept as nodes change.

How it works: a heap of (score, tie-break, node) in which an entry counts only while it is the node's current one.  Placing
a pod changes one node, so the next pod of the shape costs one new entry instead of a pass over all nodes.
"""

from __future__ import annotations

import heapq
import random
from typing import NamedTuple

from master.scheduler.cluster import Cluster
from master.scheduler.filters import Refusal, refusal
from master.scheduler.pods import Shape
from master.scheduler.rules import Rules
from master.scheduler.scores import score

SAMPLE = 100
"""How many nodes that fit are compared when rules beyond the one node add to the score."""

Entry = tuple[float, float, str]


class Best(NamedTuple):
    node: str
    score: float


class Ranking:
    def __init__(self, shape: Shape, cluster: Cluster, rng: random.Random) -> None:
        self._shape, self._cluster, self._rng = shape, cluster, rng
        self._version = 0
        self._heap: list[Entry] = []
        self._current: dict[str, Entry] = {}
        self.refusals: dict[str, Refusal] = {}

    def refresh(self) -> None:
        """Judge anew the nodes that changed since the last time."""
        if self._version != self._cluster.version:
            for name in self._cluster.changed_since(self._version):
                self._judge(name)
            self._version = self._cluster.version
            if len(self._heap) > 64 + 2 * len(self._current):
                self._heap = list(self._current.values())
                heapq.heapify(self._heap)

    def best(self, rules: Rules | None) -> Best | None:
        """The node that fits and scores highest."""
        if rules is not None:
            return self._best_under(rules)
        while self._heap:
            entry = self._heap[0]
            if self._current.get(entry[2]) is entry:
                return Best(entry[2], -entry[0])
            heapq.heappop(self._heap)
        return None

    def _best_under(self, rules: Rules) -> Best | None:
        looked: list[Entry] = []
        best: Best | None = None
        fitting = 0
        while self._heap and fitting < SAMPLE:
            entry = heapq.heappop(self._heap)
            if self._current.get(entry[2]) is not entry:
                continue
            looked.append(entry)
            info = self._cluster.nodes[entry[2]]
            if rules.refusal(info) is None:
                fitting += 1
                total = rules.extra(info) - entry[0]
                if best is None or total > best.score:
                    best = Best(entry[2], total)
        for entry in looked:
            heapq.heappush(self._heap, entry)
        return best

    def _judge(self, name: str) -> None:
        self._current.pop(name, None)
        self.refusals.pop(name, None)
        info = self._cluster.nodes.get(name)
        if info is None:
            return
        refused = refusal(self._shape, info)
        if refused is not None:
            self.refusals[name] = refused
            return
        entry = (-score(self._shape, info), self._rng.random(), name)
        self._current[name] = entry
        heapq.heappush(self._heap, entry)
