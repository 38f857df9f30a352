"""A real HTTP server that plays an API server's lists and watches from a script, for the client's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web


class ScriptedApi:
    """`lists` and `watches` answer in turn; a watch is a list of events, None in it keeps the stream open."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.lists: list[dict[str, Any]] = []
        self.watches: list[list[tuple[str, dict[str, Any]] | None]] = []
        self.answers: list[tuple[int, Any]] = []
        self._closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if request.query.get("watch"):
            return await self._watch(request)
        if self.answers:
            status, body = self.answers.pop(0)
            return web.json_response(body, status=status)
        return web.json_response(self.lists.pop(0))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in self.watches.pop(0) if self.watches else [None]:
            if event is None:
                await self._closing.wait()
                break
            await response.write(orjson.dumps({"type": event[0], "object": event[1]}) + b"\n")
        return response

    def close(self) -> None:
        self._closing.set()


@pytest.fixture
async def scripted_api() -> AsyncIterator[ScriptedApi]:
    api = ScriptedApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    api.url = f"http://{host}:{port}"
    yield api
    api.close()
    await runner.cleanup()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """`await eventually(lambda: condition)`: turn the loop until it holds, at most five seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)

    return wait
