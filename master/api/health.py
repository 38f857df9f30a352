"""/healthz, /livez, /readyz, /version and /metrics: how the server is, for probes and people."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Mapping

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from master.api.calls import respond
from master.api.routing import Query, Route

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
BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)


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


class Metrics:
    """Counts under upstream's names where it has them."""

    def __init__(self, revision: Callable[[], int], watches: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        labels = ("verb", "group", "version", "resource", "subresource")
        self._requests = Counter(
            "apiserver_request", "Requests by verb, resource and code", (*labels, "code"), registry=self._registry
        )
        self._seconds = Histogram(
            "apiserver_request_duration_seconds",
            "Seconds a request took, by verb and resource",
            ("verb", "resource"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        Gauge("apiserver_longrunning_requests", "Open watches", registry=self._registry).set_function(watches)
        Gauge("wherry_revision", "The store's revision", registry=self._registry).set_function(revision)

    def observe(self, asked: Route, status: int, seconds: float) -> None:
        info = asked.info
        self._requests.labels(
            info.verb.upper(), info.group, info.version, info.resource, info.subresource, str(status)
        ).inc()
        if info.verb != "watch":
            self._seconds.labels(info.verb.upper(), info.resource).observe(seconds)

    async def serve(self, _request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        body = await asyncio.to_thread(generate_latest, self._registry)
        response = respond(body, 200, "text/plain")
        response.headers["Content-Type"] = CONTENT_TYPE_LATEST
        return response
