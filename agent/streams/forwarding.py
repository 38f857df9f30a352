"""Port-forward: kubectl's SPDY inside a WebSocket passed on as it is, and the older channel form, a pair of channels a port.

`SPDY/3.1+portforward.k8s.io`: binary messages are SPDY bytes.  `v4.channel.k8s.io`: for the n-th port channel 2n is its
data and 2n+1 its errors, and the first message on each is the port's number, two bytes, low one first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from agent.streams.channels import Protocol, decode
from agent.streams.sessions import SpdyConnection, first_of, send
from agent.streams.spdy import Data, GoAway, Reset
from kube.upgrades import CHUNK, Upgraded

TUNNEL = "SPDY/3.1+portforward.k8s.io"
RUNTIME_PROTOCOL = "portforward.k8s.io"


async def tunnel(socket: web.WebSocketResponse, runtime: Upgraded) -> None:
    """SPDY bytes both ways until either side ends."""

    async def inward() -> None:
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                return
            runtime.writer.write(message.data)
            await runtime.writer.drain()

    async def outward() -> None:
        while data := await runtime.reader.read(CHUNK):
            await socket.send_bytes(data)

    try:
        await first_of(inward(), outward())
    finally:
        runtime.writer.close()
    await socket.close()


@dataclass
class PortChannels:
    """The channel form of port-forward: one connection a port, made when the session starts."""

    socket: web.WebSocketResponse
    protocol: Protocol
    connection: SpdyConnection
    ports: tuple[int, ...]
    _channels: dict[int, int] = field(default_factory=dict)  # SPDY stream -> WebSocket channel
    _streams: dict[int, int] = field(default_factory=dict)  # and back

    async def run(self) -> None:
        try:
            for index, port in enumerate(self.ports):
                await self._open(index, port)
            await first_of(self._inward(), self._outward())
        finally:
            self.connection.close()
        await self.socket.close()

    async def _open(self, index: int, port: int) -> None:
        for offset, kind in ((1, "error"), (0, "data")):  # the runtime wants a port's error stream first
            headers = {"streamtype": kind, "port": str(port), "requestid": str(index)}
            stream = await self.connection.open(headers)
            channel = 2 * index + offset
            self._channels[stream], self._streams[channel] = channel, stream
        for channel in (2 * index, 2 * index + 1):
            await send(self.socket, self.protocol, channel, struct.pack("<H", port))

    async def _inward(self) -> None:
        async for message in self.socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                return
            try:
                channel, data = decode(self.protocol, message.data)
            except ValueError:
                return
            if channel in self._streams and channel % 2 == 0:
                await self.connection.write(self._streams[channel], data)

    async def _outward(self) -> None:
        left = {stream for stream, channel in self._channels.items() if channel % 2 == 0}
        while left and (frames := await self.connection.frames()):
            for frame in frames:
                match frame:
                    case Data(stream, data, fin) if stream in self._channels:
                        if data:
                            await send(self.socket, self.protocol, self._channels[stream], data)
                        if fin:
                            left.discard(stream)
                    case Reset(stream):
                        left.discard(stream)
                    case GoAway():
                        return
                    case _:
                        pass
