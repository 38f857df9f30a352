"""/healthz, /livez, /readyz and /version: how the server is, for probes and people."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

import orjson
from aiohttp import web

from master.api.calls import respond
from master.api.routing import Query

TEXT = "text/plain; charset=utf-8"
Check = Callable[[], str]
"""The empty text when all is well, else what is wrong."""
VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.0+wherry",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": f"python{platform.python_version()}",
    "compiler": platform.python_implementation().lower(),
    "platform": f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64', 'armv7l': 'arm'}.get(platform.machine(), platform.machine()) }",
}


async def version(_request: web.BaseRequest, _query: Query) -> web.StreamResponse:
    return respond(orjson.dumps(VERSION, option=orjson.OPT_INDENT_2))


class Health:
    """Named checks; each can be asked alone under its name, or be left out with `?exclude=NAME`."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)

    async def serve(self, request: web.BaseRequest, query: Query) -> web.StreamResponse:
        page, _, name = request.path.strip("/").partition("/")
        if name:
            if name not in self._checks:
                return respond(b"404 page not found\n", 404, TEXT)
            trouble = self._checks[name]()
            return respond(trouble.encode() or b"ok", 500 if trouble else 200, TEXT)
        results = {one: check() for one, check in self._checks.items() if query.get("exclude") != one}
        failed = any(results.values())
        if not failed and "verbose" not in query:
            return respond(b"ok", 200, TEXT)
        lines = [f"[-]{one} failed: {why}" if why else f"[+]{one} ok" for one, why in results.items()]
        end = f"{page} check {'failed' if failed else 'passed'}"
        return respond("\n".join([*lines, end, ""]).encode(), 500 if failed else 200, TEXT)
