"""The HTTP client of the Kubernetes API that every room of ours uses: aiohttp, one session, several servers.

Contract: an answer that refuses raises `ApiError`; a link that fails raises `aiohttp.ClientError`, `OSError` or
`TimeoutError`.  Objects are plain dicts; `kind` is a row of `kube.kinds`.

How failover works: one server is current.  A connection that cannot be made moves to the next server, and each is tried
once for a request; a request that may have been received is repeated only when it is a GET.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import orjson

from kube.connections import Access, PathLike, read_kubeconfig, tls_context
from kube.errors import ApiError, Cause
from kube.kinds import Kind

Object = dict[str, Any]
Items = list[Any]
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
PAGE = 500
PARALLEL = 32
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)
SILENCE = 90.0
"""Seconds without a byte after which a watch is taken for dead: bookmarks come each minute."""


class Client:
    """Use as `async with Client(...) as client`; all requests share one pool of connections."""

    def __init__(
        self,
        server: str = "",
        *,
        servers: Sequence[str] = (),
        ca: PathLike | None = None,
        cert: PathLike | None = None,
        key: PathLike | None = None,
        token: str | Callable[[], str] | None = None,
        access: Access | None = None,
        user_agent: str = "wherry",
        parallel: int = PARALLEL,
    ) -> None:
        given = tuple(url.rstrip("/") for url in ([server] if server else []) + [s for s in servers if s != server])
        self.access = access or Access(given, ca, cert, key, token=token)
        if not self.access.servers:
            raise ValueError("a client needs at least one server")
        self._current = 0
        self._user_agent = user_agent
        self._gate = asyncio.Semaphore(parallel)
        self._session: aiohttp.ClientSession | None = None
        self._tls = any(url.startswith("https:") for url in self.access.servers)

    @classmethod
    def from_kubeconfig(cls, path: PathLike, context: str = "", **options: Any) -> Self:
        return cls(access=read_kubeconfig(os.fspath(path), context), **options)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=tls_context(self.access) if self._tls else True, keepalive_timeout=60
        )
        headers = {"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=REQUEST_TIMEOUT)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def server(self) -> str:
        """The server that is asked now."""
        return self.access.servers[self._current]

    # The verbs

    async def get(self, kind: Kind, namespace: str, name: str, subresource: str = "") -> Object:
        return await self._json("GET", kind.path(namespace, name, subresource))

    async def list(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> tuple[Items, str]:
        """Every object and the resourceVersion a watch can start from; pages itself."""
        found: Items = []
        version = ""
        async for items, version in self.pages(kind, namespace, labels, fields):  # noqa: B007 (the last one is kept)
            found += items
        return found, version

    async def pages(
        self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "", limit: int = PAGE
    ) -> AsyncIterator[tuple[Items, str]]:
        """Page after page of one consistent list: (objects, resourceVersion)."""
        query = _query(labelSelector=labels, fieldSelector=fields, limit=limit)
        while True:
            answer = await self._json("GET", kind.path(namespace), query)
            meta = answer.get("metadata") or {}
            yield answer.get("items") or [], str(meta.get("resourceVersion", ""))
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]

    async def create(self, kind: Kind, namespace: str, obj: Object, subresource: str = "", name: str = "") -> Object:
        return await self._json("POST", kind.path(namespace, name, subresource), body=orjson.dumps(obj))

    async def update(self, kind: Kind, namespace: str, obj: Object, subresource: str = "") -> Object:
        path = kind.path(namespace, obj["metadata"]["name"], subresource)
        return await self._json("PUT", path, body=orjson.dumps(obj))

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Any,
        type: str = "merge",
        subresource: str = "",
        manager: str = "",
        force: bool = False,
    ) -> Object:
        """`type` is merge, json, strategic or apply (the last needs a manager)."""
        query = _query(fieldManager=manager, force="true" if force else "")
        path = kind.path(namespace, name, subresource)
        return await self._json("PATCH", path, query, orjson.dumps(body), PATCH_TYPES[type])

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        grace: int | None = None,
        propagation: str = "",
        uid: str = "",
        rv: str = "",
    ) -> Object:
        """Preconditions `uid` and `rv` make the delete hit only the object that was seen."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if propagation:
            options["propagationPolicy"] = propagation
        if uid or rv:
            options["preconditions"] = _query(uid=uid, resourceVersion=rv)
        return await self._json("DELETE", kind.path(namespace, name), body=orjson.dumps(options))

    async def delete_collection(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> Object:
        return await self._json("DELETE", kind.path(namespace), _query(labelSelector=labels, fieldSelector=fields))

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        rv: str = "",
        labels: str = "",
        fields: str = "",
        timeout: float = 300,
    ) -> AsyncIterator[tuple[str, Any]]:
        """(ADDED | MODIFIED | DELETED | BOOKMARK, object) until the server ends it; ApiError 410 when `rv` is too old."""
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=rv,
            labelSelector=labels,
            fieldSelector=fields,
            timeoutSeconds=int(timeout),
        )
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE)
        async with self.stream("GET", kind.path(namespace), params=query, timeout=limits) as response:
            async for line in _lines(response):
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise error_of(event["object"].get("code", 500), event["object"])
                yield event["type"], event["object"]

    # The escape hatches

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Any request; the answer's bytes, or ApiError."""
        async with self._gate, self.stream(method, path, params=params, body=body, headers=headers) as response:
            return await response.read()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout = REQUEST_TIMEOUT,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answered request whose body is still to be read."""
        response = await self._send(method, path, params, body, self._headers(headers), timeout)
        try:
            if response.status >= 400:
                raise error_of(response.status, _loads(await response.read()))
            yield response
        finally:
            response.release() if response.content.at_eof() else response.close()

    def _headers(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        headers = dict(extra or {})
        if bearer := self.access.bearer():
            headers["Authorization"] = f"Bearer {bearer}"
        return headers

    async def _json(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Object:
        headers = {"Content-Type": content_type} if body is not None else None
        answer: Object = orjson.loads(await self.raw(method, path, params=params, body=body, headers=headers))
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with`")
        left = len(self.access.servers)
        while True:
            left -= 1
            asked = self._current
            try:
                return await self._session.request(
                    method,
                    self.access.servers[asked] + path,
                    params=params,
                    data=body,
                    headers=headers,
                    timeout=timeout,
                    server_hostname=self.access.tls_server_name or None,
                )
            except (aiohttp.ClientConnectionError, TimeoutError) as failure:
                repeatable = method == "GET" or isinstance(failure, aiohttp.ClientConnectorError)
                if asked == self._current:
                    self._current = (asked + 1) % len(self.access.servers)
                if not left or not repeatable:
                    raise


def error_of(status: int, body: Any) -> ApiError:
    """The ApiError that a `Status` body tells; anything else becomes one by its HTTP status."""
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return ApiError(status, "", f"the server answered {status}")
    details = dict(body.get("details") or {})
    causes = [
        Cause(cause.get("reason", ""), cause.get("message", ""), cause.get("field", ""))
        for cause in details.pop("causes", None) or []
    ]
    return ApiError(int(body.get("code") or status), body.get("reason", ""), body.get("message", ""), causes, details)


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _query(**values: str | int) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != ""}


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The non-empty lines of a stream, however long: an object may be larger than any read buffer."""
    pending: list[bytes] = []
    async for chunk in response.content.iter_any():
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            joined = b"".join([*pending, line]) if pending else line
            pending.clear()
            if joined:
                yield joined
        if rest:
            pending.append(rest)
