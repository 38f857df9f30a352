"""OpenAPI: the served kinds described to clients, v3 a document a group version, v2 one document of all.

Belongs here: turning the table of kinds and the schemas into OpenAPI.  Does not: the schemas (kube.schemas).

Documents are built when somebody asks for them and kept as bytes; a document's hash is that of the rows it is made of.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import cache
from importlib.metadata import version
from typing import Any

import orjson
from aiohttp import web

from kube.errors import ApiError
from kube.kinds import Kind
from master.api.calls import respond
from master.api.media import JSON, offers
from master.api.openapi import protobuf
from master.api.openapi.descriptions import add_descriptions, source
from master.api.openapi.machinery import machinery
from master.api.openapi.paths import group_path, operations
from master.api.openapi.schemas import SCHEMAS_V2, SCHEMAS_V3, described, kind_name, list_name
from master.api.routing import Query, no_such_resource

Object = dict[str, Any]
TITLE = {"title": "Kubernetes", "version": "v1.36.0"}
YEAR = 365 * 24 * 3600
READABLE = (JSON, "*/*", "application/*", "application/com.github.proto-openapi.spec.v2.v1.0+json")


class OpenApi:
    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = list(kinds)
        self._made: dict[str, bytes] = {}

    def show(self, kinds: Iterable[Kind]) -> None:
        self.kinds = list(kinds)
        self._made.clear()

    async def serve(self, request: web.BaseRequest, query: Query) -> web.StreamResponse:
        wanted = [offer.type for offer in offers(request.headers.get("Accept", "") or "*/*")]
        path = request.raw_path.partition("?")[0].strip("/")
        if path == "openapi/v2" and any(word in protobuf.ASKED for word in wanted):
            return _tagged(request, self._body(protobuf.MEDIA, self._version_2, protobuf.encode), protobuf.MEDIA)
        if not any(word in READABLE for word in wanted):
            raise ApiError(406, "NotAcceptable", f"only {JSON} is served here")
        if path == "openapi/v3":
            return respond(self._body(path, self._index))
        if path == "openapi/v2":
            return _tagged(request, self._body(path, self._version_2))
        return self._of_group(request, path.removeprefix("openapi/v3/"), query.get("hash", ""))

    def _of_group(self, request: web.BaseRequest, path: str, known: str) -> web.Response:
        """A document asked for by its hash never changes; by the hash of an older one it is elsewhere now."""
        kinds = self._groups().get(path)
        if kinds is None:
            raise no_such_resource()
        digest = _digest(kinds)
        if known and known != digest:
            response = respond(b"", 301)
            response.headers["Location"] = f"/openapi/v3/{path}?hash={digest}"
            return response
        response = _tagged(request, self._body(path, lambda: version_3(kinds)))
        if known:
            response.headers["Cache-Control"] = "public, immutable"
            response.headers["Expires"] = formatdate(time.time() + YEAR, usegmt=True)
        return response

    def _body(self, key: str, make: Callable[[], Object], encode: Callable[[Object], bytes] = orjson.dumps) -> bytes:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = encode(make())
        return found

    def _groups(self) -> dict[str, list[Kind]]:
        """`api/v1`, `apis/apps/v1` → the kinds there."""
        found: dict[str, list[Kind]] = {}
        for kind in self.kinds:
            found.setdefault(f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}", []).append(kind)
        return found

    def _index(self) -> Object:
        found = sorted(self._groups().items())
        return {
            "paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_digest(kinds)}"} for path, kinds in found}
        }

    def _version_2(self) -> Object:
        paths: Object = {}
        for kind in self.kinds:
            paths |= group_path(kind.api_version, SCHEMAS_V2) | operations(kind, SCHEMAS_V2)
        definitions = machinery(SCHEMAS_V2) | described(self.kinds, SCHEMAS_V2)
        return {"swagger": "2.0", "info": TITLE, "paths": paths, "definitions": definitions}


def _digest(kinds: list[Kind]) -> str:
    """Of what a document is made of, by which program, without making it."""
    written = [kind.custom.schema for kind in kinds if kind.custom is not None]
    return hashlib.sha256(repr((TITLE, _program(), kinds, written)).encode()).hexdigest().upper()


@cache
def _program() -> tuple[str, bool]:
    return version("wherry"), source() is not None


def version_3(kinds: Iterable[Kind]) -> Object:
    paths: Object = {}
    for kind in (listed := list(kinds)):
        paths |= group_path(kind.api_version, SCHEMAS_V3) | operations(kind, SCHEMAS_V3)
    schemas = machinery(SCHEMAS_V3) | described(listed, SCHEMAS_V3)
    add_descriptions(schemas, [(kind_name(kind), list_name(kind)) for kind in listed if kind.custom is not None])
    return {"openapi": "3.0.0", "info": TITLE, "paths": paths, "components": {"schemas": schemas}}


def _tagged(request: web.BaseRequest, body: bytes, media: str = JSON) -> web.Response:
    tag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
    same = request.headers.get("If-None-Match") == tag
    response = respond(b"" if same else body, 304 if same else 200, media)
    response.headers["ETag"] = tag
    response.headers["Vary"] = "Accept"
    return response
