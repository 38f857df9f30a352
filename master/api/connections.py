"""One client's connection: who it is by its certificate, whom to tell when it is lost, and how long it may dawdle.

aiohttp's request handler with three additions: the peer's certificate is taken once a connection, not once a request;
a stream can be told at once that its client is gone; a client that does not finish sending its headers is cut off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from kube.errors import ApiError

log = logging.getLogger(__name__)

MAX_HEADERS = 128
MAX_FIELD = 16 * 1024
"""Bytes of the request line or of one header: a token in a header, selectors in a query."""
HEADER_TIMEOUT = 20.0
KEEPALIVE = 240.0


class Connection(web.RequestHandler):
    """Made by the listening socket for each client."""

    __slots__ = ("_deadline", "_lost", "certificate", "remote")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None switches it off
            keepalive_timeout=KEEPALIVE,
            max_line_size=MAX_FIELD,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
        )
        self.certificate: bytes | None = None
        self.remote = ""
        self._lost: set[Callable[[], None]] = set()
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tls: Any = transport.get_extra_info("ssl_object")
        self.certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) else ""
        self._deadline = self._loop.call_later(HEADER_TIMEOUT, self.force_close)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._stop_clock()
        elif self._deadline is None and not self._request_in_progress:
            self._deadline = self._loop.call_later(HEADER_TIMEOUT, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_clock()
        for callback in list(self._lost):
            callback()
        self._lost.clear()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What cannot be read as HTTP is refused with a Status too, and the connection closed."""
        if request.writer.output_size:
            raise ConnectionError("the answer had begun") from exc
        said = (message or "the request cannot be read").splitlines()[0][:200]
        log.debug("unreadable request remote=%s: %s", self.remote, said)
        error = ApiError(status, "BadRequest" if status < 500 else "InternalError", said)
        response = web.Response(body=orjson.dumps(error.to_status()), status=status, content_type="application/json")
        response.force_close()
        return response

    def when_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when the client is gone; the answer takes the wish back."""
        self._lost.add(callback)
        return lambda: self._lost.discard(callback)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
