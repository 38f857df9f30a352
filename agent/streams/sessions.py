"""Sessions: a client's WebSocket joined to the runtime's SPDY connection, stream by stream.

How it works.  The runtime's streaming server speaks SPDY; one stream a channel, named by its `streamtype` header.  What the
client sends on a channel goes to the stream of that name, what the runtime sends comes back on the channel, and the error
stream's Status ends the session.  A client that speaks SPDY itself is passed through byte by byte (`kube.upgrades.join`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from agent.streams.channels import CLOSE, Channel, Protocol, decode, encode, ending
from agent.streams.spdy import Data, Decoder, Encoder, Frame, GoAway, Ping, Reset, SpdyError, SynStream
from kube.upgrades import CHUNK, Upgraded, dial

STREAM_NAMES = {
    Channel.ERROR: "error",
    Channel.STDIN: "stdin",
    Channel.STDOUT: "stdout",
    Channel.STDERR: "stderr",
    Channel.RESIZE: "resize",
}


class StreamFailure(Exception):
    """The runtime would not open its streams; the text is its own."""


@dataclass
class SpdyConnection:
    """A client's end of SPDY over an upgraded connection; streams are told apart by their numbers."""

    upgraded: Upgraded
    _encoder: Encoder = field(default_factory=Encoder)
    _decoder: Decoder = field(default_factory=Decoder)
    _next: int = 1

    async def open(self, headers: Mapping[str, str]) -> int:
        stream, self._next = self._next, self._next + 2
        await self._send(SynStream(stream, headers))
        return stream

    async def write(self, stream: int, data: bytes) -> None:
        await self._send(Data(stream, data))

    async def finish(self, stream: int) -> None:
        """Closes our half of the stream."""
        await self._send(Data(stream, b"", fin=True))

    async def frames(self) -> list[Frame]:
        """The next frames, pings answered; empty when the connection has ended."""
        while data := await self.upgraded.reader.read(CHUNK):
            found = list(self._decoder.feed(data))
            for frame in found:
                if isinstance(frame, Ping):
                    await self._send(frame)
            if found:
                return found
        return []

    def close(self) -> None:
        self.upgraded.writer.close()

    async def _send(self, frame: Frame) -> None:
        self.upgraded.writer.write(self._encoder.encode(frame))
        await self.upgraded.writer.drain()


def spdy_headers(protocols: Iterable[str]) -> list[tuple[str, str]]:
    """A request for SPDY; the server chooses among the stream protocols, each a header of its own."""
    offers = [("X-Stream-Protocol-Version", protocol) for protocol in protocols]
    return [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("Content-Length", "0"), *offers]


async def connect(url: str, protocol: str) -> SpdyConnection:
    """Opens SPDY to the runtime's streaming server.  StreamFailure with its words when it refuses."""
    answer = await dial("POST", url, spdy_headers([protocol]))
    if answer.status != 101:
        words = (await answer.body()).decode("utf-8", "replace").strip()
        answer.writer.close()
        raise StreamFailure(words or f"the runtime's streaming server answered {answer.status}")
    return SpdyConnection(answer)


@dataclass
class Remote:
    """exec and attach for one WebSocket client.  `wanted` are the channels that the request asks for."""

    socket: web.WebSocketResponse
    protocol: Protocol
    connection: SpdyConnection
    wanted: frozenset[Channel]
    _streams: dict[Channel, int] = field(default_factory=dict)
    _status: bytearray = field(default_factory=bytearray)

    async def run(self) -> None:
        """Until the runtime ends the session or the client goes."""
        try:
            for channel, name in STREAM_NAMES.items():  # the error stream first, as the runtime waits for it
                if channel in self.wanted or channel is Channel.ERROR:
                    self._streams[channel] = await self.connection.open({"streamtype": name})
            await first_of(self._from_client(), self._from_runtime())
        finally:
            self.connection.close()

    async def _from_client(self) -> None:
        async for message in self.socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return
            try:
                number, data = decode(self.protocol, message.data)
            except ValueError:
                await self.socket.close(code=1003)
                return
            await self._to_runtime(number, data)

    async def _to_runtime(self, number: int, data: bytes) -> None:
        if number == CLOSE and self.protocol.closes:
            stream = self._streams.get(Channel(data[0])) if data and data[0] in list(Channel) else None
            if stream is not None:
                await self.connection.finish(stream)
            return
        stream = self._streams.get(Channel(number)) if number in (Channel.STDIN, Channel.RESIZE) else None
        if stream is not None and data:
            await self.connection.write(stream, data)

    async def _from_runtime(self) -> None:
        channels = {stream: channel for channel, stream in self._streams.items()}
        open_streams = {self._streams[c] for c in (Channel.STDOUT, Channel.STDERR, Channel.ERROR) if c in self._streams}
        while open_streams and (frames := await self.connection.frames()):
            for frame in frames:
                match frame:
                    case Data(stream, data, fin):
                        await self._to_client(channels.get(stream), data)
                        if fin:
                            open_streams.discard(stream)
                    case Reset(stream):
                        open_streams.discard(stream)
                    case GoAway():
                        open_streams.clear()
        last = ending(self.protocol, bytes(self._status))
        if last:
            await send(self.socket, self.protocol, Channel.ERROR, last)
        await self.socket.close()

    async def _to_client(self, channel: Channel | None, data: bytes) -> None:
        if channel is Channel.ERROR:
            self._status += data
        elif channel is not None and data:
            await send(self.socket, self.protocol, channel, data)


async def send(socket: web.WebSocketResponse, protocol: Protocol, channel: int, data: bytes) -> None:
    message = encode(protocol, channel, data)
    if isinstance(message, str):
        await socket.send_str(message)
    else:
        await socket.send_bytes(message)


async def first_of(*works: Awaitable[None]) -> None:
    """Runs them together; when the first is done the others are cancelled.  Its error is the outcome."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        with contextlib.suppress(ConnectionError, SpdyError):  # an end that broke off is an end
            task.result()
