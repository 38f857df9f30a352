"""The handlers of /metrics, /metrics/resource, /metrics/cadvisor, /metrics/probes and /stats/summary."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson
import psutil
from aiohttp import web

from agent.api import numbers
from agent.api.numbers import Family, Object
from agent.api.probed import probe_metrics
from agent.api.sampling import Look, Sampler
from agent.pods.counting import ProbeCount

Tell = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Numbers:
    """`pods` are those of this node with their newest status."""

    node_name: str
    sampler: Sampler
    pods: Callable[[], Sequence[Object]]
    probes: Callable[[], Iterable[ProbeCount]] = tuple

    def handlers(self) -> dict[str, Tell]:
        return {
            "/metrics": self._text(self._agent),
            "/metrics/resource": self._text(lambda look: numbers.resource_metrics(look, self.pods())),
            "/metrics/cadvisor": self._text(lambda look: numbers.cadvisor_metrics(look, self.pods())),
            "/metrics/probes": self._text(lambda _look: probe_metrics(self.probes())),
            "/stats/summary": self._summary,
            "/stats/summary/": self._summary,
        }

    def _text(self, families: Callable[[Look], list[Family]]) -> Tell:
        async def tell(_request: web.Request) -> web.StreamResponse:
            text = numbers.exposition(families(await self.sampler.look()))
            return web.Response(body=text.encode(), headers={"Content-Type": numbers.TEXT})

        return tell

    def _agent(self, look: Look) -> list[Family]:
        process = psutil.Process()
        times = process.cpu_times()
        own = numbers.Own(times.user + times.system, process.memory_info().rss, process.num_fds())
        return numbers.agent_metrics(look, self.pods(), self.node_name, own)

    async def _summary(self, _request: web.Request) -> web.StreamResponse:
        look, rate = await self.sampler.now()
        body = orjson.dumps(numbers.summary(self.node_name, look, rate, self.pods()))
        return web.Response(body=body, content_type="application/json")
