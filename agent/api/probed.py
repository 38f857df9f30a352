"""/metrics/probes: answers of probes and how long they took, in the kubelet's names.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from agent.api.numbers import COUNTER, Family, Sample
from agent.pods.counting import BOUNDS, ProbeCount

TOTAL, DURATION = "prober_probe_total", "prober_probe_duration_seconds"


def probe_metrics(counts: Iterable[ProbeCount]) -> list[Family]:
    counts = list(counts)
    totals = [({**count.labels, "result": result}, n) for count in counts for result, n in count.results.items()]
    told = "Cumulative number of a liveness, readiness or startup probe for a container by result."
    lines = [line for count in counts for line in _histogram(count)]
    return [
        Family(TOTAL, COUNTER, told, totals),
        Family(DURATION, "histogram", "Duration in seconds for a probe response.", histogram=lines),
    ]


def _histogram(count: ProbeCount) -> Iterator[tuple[str, Sample]]:
    labels = {name: value for name, value in count.labels.items() if name != "pod_uid"}
    upto = list(accumulate(count.buckets))
    for bound, total in zip((*map("{:g}".format, BOUNDS), "+Inf"), upto, strict=True):
        yield "_bucket", ({**labels, "le": bound}, total)
    yield "_sum", (labels, count.seconds)
    yield "_count", (labels, upto[-1])
