"""One request under way: who asks for what and how the answer is to look; and the answer made of it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kube.decoding import decode
from kube.errors import ApiError
from kube.kinds import Kind
from master.api import views
from master.api.answers import Answer
from master.api.contract import Object, RequestInfo, UserInfo
from master.api.entries import Entry
from master.api.media import JSON, PLAIN, Form, body_type
from master.api.options import Writing, read_writing
from master.api.routing import Query, Route, is_true
from master.api.versions import Version

MAX_BODY = 3 * 1024 * 1024
BODY_TIMEOUT = 60.0
LARGE = 128 * 1024
"""Bytes from which an answer is worth compressing, or is sent in bits."""
BATCH = 64 * 1024
BODY = web.RequestKey("body", bytes)
OPTIONS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_NO_CACHE = "no-cache, private"


@dataclass(slots=True)
class Call:
    request: web.BaseRequest
    route: Route
    version: Version
    query: Query
    user: UserInfo
    form: Form = PLAIN
    warnings: list[str] = field(default_factory=list)

    @property
    def info(self) -> RequestInfo:
        return self.route.info

    @property
    def kind(self) -> Kind:
        return self.version.kind

    @property
    def stored(self) -> Kind:
        return self.version.stored

    @property
    def namespace(self) -> str:
        return self.route.info.namespace if self.version.kind.namespaced else ""

    @property
    def include(self) -> str:
        """What a row of a Table carries of its object: None, Metadata or Object."""
        return self.query.get("includeObject") or "Metadata"

    # The request

    @property
    def content_type(self) -> str:
        return self.request.headers.get("Content-Type", "")

    async def body(self) -> bytes:
        return await read_body(self.request)

    def writing(self) -> Writing:
        agent = self.request.headers.get("User-Agent", "")
        return read_writing(OPTIONS[self.info.verb], self.query, self.user, agent, self.warn)

    def warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    async def object(self, kind: Kind, writing: Writing) -> Object:
        """The body as an object of the kind."""
        media = body_type(self.content_type)
        obj, warnings = decode(await self.body(), media, kind, writing.field_validation)
        for warning in warnings:
            self.warn(warning)
        return obj

    # The answer

    def entry(self, entry: Entry, status: int = 200) -> web.Response:
        return self.answer(views.entry_bytes(entry, self.version, self.form, self.include), status)

    def shown(self, obj: Object, status: int = 200) -> web.Response:
        """An object that is not of the kind asked for: a Scale, a review, a Status."""
        form = self.form if not self.form.view else Form(self.form.format, "", self.form.pretty)
        return self.answer(views.encode(obj, form), status)

    def answer(self, body: bytes, status: int = 200) -> web.Response:
        return respond(body, status, self.form.format, self.warnings)

    async def pieces(self, pieces: list[bytes]) -> web.StreamResponse:
        """A list's body: large ones are compressed off the loop where the client takes that, else sent bit by bit."""
        size = sum(map(len, pieces))
        if size < LARGE:
            return self.answer(b"".join(pieces))
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            response = self.answer(await asyncio.to_thread(_packed, pieces))
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Vary"] = "Accept-Encoding"
            return response
        return await self._bit_by_bit(pieces, size)

    async def _bit_by_bit(self, pieces: list[bytes], size: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.form.format, "Cache-Control": _NO_CACHE})
        response.content_length = size
        await response.prepare(self.request)
        for batch in batches(pieces):
            await response.write(batch)
        await response.write_eof()
        return response


def _packed(pieces: list[bytes]) -> bytes:
    return gzip.compress(b"".join(pieces), 1)


def batches(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces in bits that are worth a write each."""
    batch: list[bytes] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size > BATCH:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)


def respond(body: bytes, status: int = 200, media: str = JSON, warnings: list[str] | None = None) -> web.Response:
    headers = {"Content-Type": media, "Cache-Control": _NO_CACHE}
    response = Answer(body=body, status=status, headers=headers)
    for message in warnings or ():
        response.headers.add("Warning", f'299 - "{_quoted(message)}"')
    return response


def _quoted(message: str) -> str:
    plain = message.replace("\n", " ").replace("\r", " ")
    return plain.replace("\\", "\\\\").replace('"', '\\"')


async def read_body(request: web.BaseRequest) -> bytes:
    """What has arrived as a whole already, as nearly every body has, is taken without waiting; kept as `request[BODY]`."""
    if BODY not in request:
        request[BODY] = await _read_body(request)
    return request[BODY]


async def _read_body(request: web.BaseRequest) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        message = f"Content-Encoding {encoding}: a request's body must not be compressed"
        raise ApiError(415, "UnsupportedMediaType", message)
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= MAX_BODY:
            return content.read_nowait()
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        message = f"Request entity too large: limit is {MAX_BODY}"
        raise ApiError(413, "RequestEntityTooLarge", message) from error
    except TimeoutError as error:
        raise ApiError(408, "Timeout", "the body of the request did not arrive in time") from error
    except web.RequestPayloadError as error:
        raise ApiError(400, "BadRequest", f"the body of the request cannot be read: {error}") from error


def success(kind: Kind, name: str, uid: str) -> Object:
    """The Status of a deletion whose object is gone."""
    details: Mapping[str, Any] = {"name": name} | ({"group": kind.group} if kind.group else {}) | {"kind": kind.plural}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**details, "uid": uid},
    }


def wants_pretty(query: Query) -> bool:
    return bool(query) and is_true(query, "pretty")
