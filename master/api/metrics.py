"""/metrics: what the server has done, under upstream's names where it has them.

Counting is on every request's way, so it is two dict entries and a list; prometheus-client only writes them out.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from master.api.calls import respond
from master.api.routing import Query, Route

FAST = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5)
SLOW = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0)
BUCKETS = (*FAST, *SLOW)
"""Seconds, upstream's."""
BOUNDS = (*map(str, BUCKETS), "+Inf")
NOTHING = ("", "", "", "")
Asked = tuple[str, str, str, str, str]
"""verb, group, version, resource, subresource."""


class Metrics(Collector):
    def __init__(self, revision: Callable[[], int], watches: Callable[[], int]) -> None:
        self._revision = revision
        self._watches = watches
        self._requests: Counter[tuple[Asked, int]] = Counter()
        self._seconds: dict[Asked, list[int]] = {}
        self._sums: Counter[Asked] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def observe(self, asked: Route, status: int, seconds: float) -> None:
        """What no kind of ours answers is counted under no name: nobody fills the memory by asking for nonsense."""
        info = asked.info
        if asked.kind is not None:
            key: Asked = (info.verb, info.group, info.version, info.resource, info.subresource)
        else:
            key = (info.verb if not info.is_resource else "", *NOTHING)
        self._requests[key, status] += 1
        if info.verb != "watch":
            counts = self._seconds.get(key)
            if counts is None:
                counts = self._seconds[key] = [0] * (len(BUCKETS) + 1)
            counts[bisect_left(BUCKETS, seconds)] += 1
            self._sums[key] += seconds  # type: ignore[assignment]  # typeshed knows only whole numbers

    def collect(self) -> Iterator[Metric]:
        names = ("verb", "group", "version", "resource", "subresource")
        requests = CounterMetricFamily("apiserver_request", "Requests answered", labels=(*names, "code"))
        for (key, status), count in list(self._requests.items()):
            requests.add_metric((key[0].upper(), *key[1:], str(status)), count)
        yield requests
        seconds = HistogramMetricFamily("apiserver_request_duration_seconds", "Seconds to an answer", labels=names)
        for key, counts in list(self._seconds.items()):
            seconds.add_metric((key[0].upper(), *key[1:]), _cumulated(counts), self._sums[key])
        yield seconds
        yield GaugeMetricFamily("apiserver_longrunning_requests", "Open watches", self._watches())
        yield GaugeMetricFamily("wherry_revision", "The store's revision", self._revision())

    async def serve(self, _request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        body = await asyncio.to_thread(generate_latest, self._registry)
        response = respond(body)
        response.headers["Content-Type"] = CONTENT_TYPE_LATEST
        return response


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    """Prometheus counts what is at most a bound, not what lies between two."""
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip(BOUNDS, counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets
