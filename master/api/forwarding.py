"""One HTTP request passed on over a connection that somebody else opens, and its answer passed back.

Hop-by-hop headers (RFC 9110, 7.6.1) end here, and so does the caller's own token.  A connection that is upgraded is passed
on byte by byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict
from yarl import URL

from kube.errors import ApiError
from kube.upgrades import Ends, Upgraded, ask, join, switching, take_over
from master.api.authn.bearer import PROTOCOL, passed_on
from master.api.connections import Connection

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
KEPT_BACK = HOP_BY_HOP | {"authorization", "host", "expect"}
BODILESS = (204, 304)
_FOREVER = aiohttp.ClientTimeout(total=None)

Connect = Callable[[], Awaitable[Ends]]


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a request goes: `host` is its Host header, `target` its path and query as they are sent.

    `prefix` is the path under which the client reaches this; redirects of the far end are told below it.
    """

    connect: Connect
    host: str
    target: str
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Opened(aiohttp.BaseConnector):
    """Uses the connection that `connect` opens, for one request."""

    def __init__(self, connect: Connect) -> None:
        super().__init__(force_close=True)
        self._connect_to = connect
        self._ends: Ends | None = None  # a stream writer that is forgotten closes its connection

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        self._ends = await self._connect_to()
        transport = self._ends[1].transport
        protocol = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return protocol


async def forward(request: web.BaseRequest, onward: Onward) -> web.StreamResponse:
    if request.headers.get("Upgrade"):
        return await _upgrade(request, onward)
    headers = _headers(request, onward)
    body: AsyncIterable[bytes] | None = request.content if request.body_exists else None
    if "Content-Encoding" in headers and body is not None:  # it was decoded on its way in
        del headers["Content-Encoding"]
        headers.popall("Content-Length", None)
    session = aiohttp.ClientSession(connector=Opened(onward.connect), timeout=_FOREVER, auto_decompress=False)
    url = URL(f"http://{onward.host}{onward.target}", encoded=True)
    async with session, ending_with(request):
        try:
            answer = await session.request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(503, "ServiceUnavailable", f"error trying to reach service: {error}") from error
        return await _back(request, answer, onward)


async def _back(request: web.BaseRequest, answer: aiohttp.ClientResponse, onward: Onward) -> web.StreamResponse:
    headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP)
    if "Location" in headers:
        headers["Location"] = relocated(headers["Location"], onward)
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
    bodiless = request.method == "HEAD" or answer.status in BODILESS
    if "Content-Length" not in headers and not bodiless:
        response.enable_chunked_encoding()
    await response.prepare(request)
    if bodiless:
        return response
    try:
        async for block in answer.content.iter_any():
            await response.write(block)
    except aiohttp.ClientError as error:
        raise ConnectionError("the answer broke off") from error  # the client must not take a part for the whole
    await response.write_eof()
    return response


@asynccontextmanager
async def ending_with(request: web.BaseRequest) -> AsyncIterator[None]:
    """What is done within is cancelled when the client has gone: a far end that is silent would hold it for ever."""
    connection, task = request.protocol, asyncio.current_task()
    if not isinstance(connection, Connection) or task is None:
        yield
        return

    def cancel() -> None:
        task.cancel()

    forget = connection.when_lost(cancel)
    try:
        yield
    finally:
        forget()


async def _upgrade(request: web.BaseRequest, onward: Onward) -> web.StreamResponse:
    headers = [*_headers(request, onward).items(), ("Host", onward.host), ("Connection", "Upgrade")]
    headers.append(("Upgrade", request.headers["Upgrade"]))
    try:
        answer = await ask(await onward.connect(), request.method, onward.target, headers)
    except OSError as error:
        raise ApiError(503, "ServiceUnavailable", f"error trying to reach service: {error}") from error
    if answer.status != 101:
        body = await answer.body()
        answer.writer.close()
        kept = {name: value for name, value in answer.headers.items() if name not in (*HOP_BY_HOP, "content-length")}
        return web.Response(status=answer.status, body=body, headers=kept)
    return await hand_over(request, answer, answer.headers)


async def hand_over(request: web.BaseRequest, answer: Upgraded, headers: Mapping[str, str]) -> web.StreamResponse:
    """The client's connection and the far end's become one, until either ends."""
    transport = request.transport
    if transport is None:
        answer.writer.close()
        raise ConnectionResetError("the client is gone")
    reader, writer = take_over(transport)
    writer.write(switching({name.title(): value for name, value in headers.items()}))
    await join((reader, writer), (answer.reader, answer.writer))
    return web.Response()


def _headers(request: web.BaseRequest, onward: Onward) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
    given: Iterable[tuple[str, str]] = request.headers.items()
    headers = CIMultiDict((name, value) for name, value in given if name.lower() not in KEPT_BACK | named)
    headers.extend({"X-Forwarded-Host": request.headers.get("Host", ""), "X-Forwarded-Uri": request.raw_path})
    headers["X-Forwarded-Proto"] = "https"
    headers.popall(PROTOCOL, None)
    headers.update(passed_on(request.headers))
    headers.update(onward.headers)
    return headers


def relocated(location: str, onward: Onward) -> str:
    """A redirect of the far end to itself, as the client must ask for it."""
    parts = urlsplit(location)
    if not onward.prefix or (parts.netloc and parts.netloc != onward.host) or not parts.path.startswith("/"):
        return location
    return onward.prefix + parts.path + (f"?{parts.query}" if parts.query else "")
