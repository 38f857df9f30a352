"""The handlers of /configz, /runningpods and /logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiohttp import web

from agent.api import describing
from agent.runtime.contract import Runtime
from kube.config import AgentConfig

Tell = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """`logs` is the folder that /logs shows."""

    config: AgentConfig
    runtime: Runtime
    logs: Path

    def handlers(self) -> Mapping[str, Tell]:
        return {
            "/configz": self._configz,
            "/runningpods": self._running,
            "/runningpods/": self._running,
            "/logs": self._logs,
            "/logs/{path:.*}": self._logs,
        }

    async def _configz(self, _request: web.Request) -> web.StreamResponse:
        return _json(describing.configz(self.config))

    async def _running(self, _request: web.Request) -> web.StreamResponse:
        sandboxes, containers = await self.runtime.list_sandboxes(), await self.runtime.list_containers()
        return _json(describing.running_pods(sandboxes, containers))

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        path = describing.log_file(self.logs, request.match_info.get("path", ""))
        if path.is_dir():
            return web.Response(text=describing.listing(path), content_type="text/html")
        return web.FileResponse(path, headers={"Content-Type": "text/plain; charset=utf-8"})


def _json(body: describing.Object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
