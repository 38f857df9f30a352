"""HTTP connections that become something else (101 Switching Protocols): ask for one, hand one over, join two.

exec, attach and port-forward run over them; the master passes them on to the agent byte by byte, the agent to containerd.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK = 64 << 10
HEAD_LIMIT = 64 << 10
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""A connection as what is read from it and what is written to it."""


@dataclass(slots=True)
class Upgraded:
    """The answer's head, and the connection behind it: `reader` starts right after the head."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def body(self, limit: int = 1 << 20) -> bytes:
        """What a refusal says, up to `limit` bytes."""
        length = int(self.headers.get("content-length", limit))
        with contextlib.suppress(asyncio.IncompleteReadError):
            return await self.reader.readexactly(min(length, limit))
        return b""


async def dial(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    tls: ssl.SSLContext | None = None,
    *,
    timeout: float = 10.0,
) -> Upgraded:
    """Connects, sends one request and reads the answer's head; a header may be given several times.

    OSError or TimeoutError when the link fails.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    secure = tls if parts.scheme == "https" else None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    async with asyncio.timeout(timeout):
        ends = await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=HEAD_LIMIT)
        return await ask(ends, method, target, [("Host", parts.netloc), *headers])


async def ask(ends: Ends, method: str, target: str, headers: Iterable[tuple[str, str]]) -> Upgraded:
    """Sends one request over a connection that is open and reads the answer's head; OSError closes the connection."""
    reader, writer = ends
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, ValueError) as error:
        writer.close()
        raise OSError("no answer in HTTP") from error
    except BaseException:
        writer.close()
        raise
    pairs = (line.partition(":") for line in head[1:] if line)
    return Upgraded(status, {k.strip().lower(): v.strip() for k, _, v in pairs}, reader, writer)


def take_over(transport: asyncio.Transport) -> Ends:
    """The connection of a server's request as plain streams, from the next byte on."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def switching(headers: Mapping[str, str]) -> bytes:
    """The head of a 101 answer."""
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def join(one: Ends, other: Ends) -> None:
    """Passes bytes both ways until either side ends; both are closed then."""
    pumps = [asyncio.create_task(_pump(one[0], other[1])), asyncio.create_task(_pump(other[0], one[1]))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for _, writer in (one, other):
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):  # either side may go at any moment; the other is closed then
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
