"""A whole answer, its head and body in one write.

aiohttp makes an answer in four steps, each with its headers in hand; most of ours have the same few headers, so their
heads are remembered as bytes.  What is out of the common (HEAD, HTTP/1.0, no body) goes aiohttp's way.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
LINE_ENDS = frozenset("\r\n\0")

Headers = tuple[tuple[str, str], ...]


class Answer(web.Response):
    """An answer that is known as a whole when it begins."""

    _whole: web.BaseRequest | None = None
    """The request, where the answer goes out in one write."""

    @property
    def keep_alive(self) -> bool:
        return super().keep_alive is not False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if request.method == "HEAD" or request.version != HttpVersion11 or self.status in BODILESS:
            return await super().prepare(request)
        if not request.keep_alive:
            self.force_close()
        self._whole = request
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        request, self._whole = self._whole, None
        if request is None:
            await super().write_eof(data)
            return
        body = self.body
        assert isinstance(body, bytes)
        start = head(self.status, self.reason, tuple(self.headers.items()), self.keep_alive)
        line = b"Content-Length: %d\r\nDate: %b\r\n\r\n" % (len(body), date(int(time.time())))
        await request.writer.write_eof(b"".join((start, line, body)))


@lru_cache(maxsize=256)
def head(status: int, reason: str, headers: Headers, keep_alive: bool) -> bytes:
    """The status line and the headers, each with its line's end."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    if not keep_alive:
        lines.append("Connection: close")
    if any(LINE_ENDS.intersection(line) for line in lines):
        raise ValueError("a header holds the end of a line")
    return ("\r\n".join(lines) + "\r\n").encode()


@lru_cache(maxsize=2)
def date(second: int) -> bytes:
    """As HTTP writes a moment."""
    return formatdate(second, usegmt=True).encode()
