"""The listening socket: TLS, limits, and a stop that lets requests under way finish.

aiohttp's low-level server with our own connection class; HTTP/1.1 only.  A client certificate is asked for and verified
when shown, never demanded: tokens come over the same port.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from master.api.calls import MAX_BODY
from master.api.connections import Connection

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
BACKLOG = 512
HANDSHAKE = 10.0
FINISH = 10.0
"""Seconds that requests under way get at a stop."""


def server_tls(certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class Listener:
    """`await start()` listens, or raises OSError; `await stop()` closes; `port` is the real one when 0 was asked for."""

    def __init__(self, handler: Handler, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._host = host
        self._tls = tls
        self.port = port
        self._server: web.Server | None = None
        self._socket: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        server = self._server = web.Server(self._handler, request_factory=_request)
        try:
            self._socket = await loop.create_server(
                lambda: Connection(server, loop),
                self._host,
                self.port,
                ssl=self._tls,
                backlog=BACKLOG,
                reuse_address=True,
                ssl_handshake_timeout=HANDSHAKE if self._tls else None,
            )
        except OSError as error:
            raise OSError(f"the API cannot listen on {self._host}:{self.port}: {_reason(error)}") from error
        self.port = self._socket.sockets[0].getsockname()[1]
        log.info("listening address=%s port=%d tls=%s", self._host, self.port, self._tls is not None)

    async def stop(self) -> None:
        """Take no more connections, let requests finish, close what is left.  Watches must have been told before."""
        if self._socket is None or self._server is None:
            return
        self._socket.close()
        self._server.pre_shutdown()
        await self._server.shutdown(FINISH)
        self._socket = None


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _request(message, payload, protocol, writer, task) -> web.BaseRequest:  # type: ignore[no-untyped-def]  # aiohttp's own types are private
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)
