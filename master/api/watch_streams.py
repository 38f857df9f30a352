"""How the events of a watch travel: as chunks of one HTTP answer, or as messages of a WebSocket, an event each (RFC 6455).

The first is what clients do; the second is for browsers, which hold six HTTP connections to a server and no more.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable
from typing import Protocol

from aiohttp import WSMsgType, web

from master.api.authn.bearer import protocols_of
from master.api.calls import batches
from master.api.media import JSON, PROTOBUF, Form, not_acceptable

Frame = Callable[[bytes], bytes]
"""What carries the line of one event."""

TEXT = 0x81
"""First byte of a message of text that is one frame."""
_HEADERS = {
    format: {"Content-Type": media, "Cache-Control": "no-cache, private"}
    for format, media in ((JSON, JSON), (PROTOBUF, f"{PROTOBUF};stream=watch"))
}


def chunk(line: bytes) -> bytes:
    """One chunk of HTTP/1.1's chunked encoding."""
    return b"%x\r\n%b\r\n" % (len(line), line)


def message(line: bytes) -> bytes:
    """One message of a WebSocket, as a server sends it."""
    size = len(line)
    if size < 126:
        return struct.pack("!BB", TEXT, size) + line
    if size < 1 << 16:
        return struct.pack("!BBH", TEXT, 126, size) + line
    return struct.pack("!BBQ", TEXT, 127, size) + line


def is_socket(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def frame_of(request: web.BaseRequest) -> Frame:
    return message if is_socket(request) else chunk


class Stream(Protocol):
    """An answer under way; what follows the first lines is written to the transport by others, in frames."""

    @property
    def response(self) -> web.StreamResponse: ...
    async def write(self, lines: Iterable[bytes]) -> None: ...
    async def close(self) -> None: ...


async def begin(request: web.BaseRequest, form: Form, left: Callable[[], None]) -> Stream:
    """Sends the answer's head; `left` is called when the client of a WebSocket takes its leave."""
    if not is_socket(request):
        return await Chunks.begin(request, form)
    if form.format != JSON:
        raise not_acceptable()
    return await Socket.begin(request, left)


class Chunks:
    """One answer without an end known beforehand."""

    def __init__(self, response: web.StreamResponse) -> None:
        self.response = response

    @classmethod
    async def begin(cls, request: web.BaseRequest, form: Form) -> Chunks:
        response = web.StreamResponse(headers=_HEADERS[form.format])
        response.enable_chunked_encoding()
        await response.prepare(request)
        return cls(response)

    async def write(self, lines: Iterable[bytes]) -> None:
        for batch in batches(lines):
            await self.response.write(batch)

    async def close(self) -> None:
        await self.response.write_eof()


class Socket:
    """A WebSocket on which the client only listens: what it says besides its leave is not heard."""

    def __init__(self, request: web.BaseRequest, response: web.WebSocketResponse, left: Callable[[], None]) -> None:
        self.response = response
        self._request = request
        self._listening = asyncio.create_task(self._listen(left), name="watch's WebSocket")

    @classmethod
    async def begin(cls, request: web.BaseRequest, left: Callable[[], None]) -> Socket:
        response = web.WebSocketResponse(protocols=protocols_of(request.headers)[:1], compress=False)
        await response.prepare(request)
        return cls(request, response, left)

    async def _listen(self, left: Callable[[], None]) -> None:
        while (await self.response.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
        left()

    async def write(self, lines: Iterable[bytes]) -> None:
        for batch in batches(map(message, lines)):
            if self._request.transport is not None:
                self._request.transport.write(batch)
            await self._request.writer.drain()

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.wait({self._listening})
        await self.response.close()
