"""Health check node ports: a balancer asks each node whether it has an endpoint of a Service whose traffic must stay local.

Answers as upstream's proxy: 200 with the number of endpoints here, 503 where there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp import web

from agent.proxy.choosing import here
from agent.services import Key, Service

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What the port of one Service says."""

    service: Key
    endpoints: int

    def answer(self) -> web.Response:
        namespace, name = self.service
        said = {
            "service": {"namespace": namespace, "name": name},
            "localEndpoints": self.endpoints,
            "serviceProxyHealthy": True,
        }
        headers = {"X-Load-Balancing-Endpoint-Weight": str(self.endpoints)}
        return web.json_response(said, status=200 if self.endpoints else 503, headers=headers)


def checks(services: Iterable[Service], node: str) -> dict[int, Check]:
    """By port; only what is ready counts, so that a node which empties gets no new clients."""
    return {
        service.health_port: Check(service.key, sum(e.ready for e in here(service, node)))
        for service in services
        if service.health_port and service.external_local
    }


@dataclass
class HealthPorts:
    """Keeps a listener a port; `bind` is the address they listen on."""

    bind: str = "0.0.0.0"
    _checks: dict[int, Check] = field(default_factory=dict)
    _runners: dict[int, web.AppRunner] = field(default_factory=dict)

    async def update(self, wanted: dict[int, Check]) -> None:
        """Opens what is new and closes what is gone; a port that another program has is said and tried again."""
        self._checks = wanted
        for port in set(self._runners) - set(wanted):
            await self._runners.pop(port).cleanup()
        for port in set(wanted) - set(self._runners):
            try:
                await self._open(port)
            except OSError as error:
                log.error("health check port %d of %s/%s: %s", port, *wanted[port].service, error)

    async def close(self) -> None:
        await self.update({})

    async def _open(self, port: int) -> None:
        async def answer(_request: web.Request) -> web.Response:
            return self._checks[port].answer()

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.bind, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runners[port] = runner
