"""How often each probe answered what, and how long it took, as long as its container runs: what /metrics/probes tells."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.pods.handling import Outcome

RESULTS = {
    Outcome.SUCCESS: "successful",
    Outcome.WARNING: "successful",
    Outcome.FAILURE: "failed",
    Outcome.UNKNOWN: "unknown",
}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram, in seconds."""


@dataclass(slots=True)
class ProbeCount:
    """One probe of one container; `buckets` are answers within each bound and not the one before, the last beyond all."""

    labels: Mapping[str, str]
    results: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, outcome: Outcome, seconds: float) -> None:
        result = RESULTS[outcome]
        self.results[result] = self.results.get(result, 0) + 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class ProbeCounts:
    """By container and kind of probe."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, ProbeCount]] = {}

    def of(self, container_id: str, kind: str, labels: Mapping[str, str]) -> ProbeCount:
        """The count to add to; `labels` name its container and pod."""
        kinds = self._counts.setdefault(container_id, {})
        if kind not in kinds:
            kinds[kind] = ProbeCount({**labels, "probe_type": kind})
        return kinds[kind]

    def forget(self, container_id: str) -> None:
        self._counts.pop(container_id, None)

    def __iter__(self) -> Iterator[ProbeCount]:
        return (count for kinds in self._counts.values() for count in kinds.values())
