"""The audit log: who asked for what and what came of it, a JSON line a request (audit.k8s.io/v1 Event).

How it works: `Audit` stands around the API's handler, only when the settings ask for it, and `Known` around the authenticator,
to learn who calls.  The policy's first rule that fits decides how much is written.  One stage is written, ResponseComplete; of
a watch, when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from kube import times
from kube.decoding import decode
from kube.errors import ApiError
from master.api.audit_policy import LEVELS, Policy
from master.api.calls import BODY
from master.api.connections import Connection
from master.api.contract import NOTES, Authenticator, Credentials, Object, UserInfo
from master.api.routing import FindKind, Route, parse_query, route

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
STAGE = "ResponseComplete"
MANAGED = "managedFields"
_CALLER: ContextVar[list[UserInfo] | None] = ContextVar("caller", default=None)


class Log:
    """Lines appended to a file; a full one is renamed to NAME.1 and the older ones move up."""

    def __init__(self, path: Path, limit: int, kept: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path, self._limit, self._kept = path, limit, kept
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._path.chmod(0o600)
        self._size = self._file.tell()

    def write(self, event: Object) -> None:
        line = orjson.dumps(event) + b"\n"
        if self._size and self._size + len(line) > self._limit:
            self._rotate()
        self._file.write(line)
        self._size += len(line)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.rename(self._numbered(number + 1))
        if self._kept:
            self._path.rename(self._numbered(1))
        else:
            self._path.unlink()
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def close(self) -> None:
        self._file.close()


class Known:
    """An authenticator that remembers, for the request under way, whom it has found."""

    def __init__(self, inner: Authenticator) -> None:
        self._inner = inner

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        user = await self._inner.authenticate(credentials)
        callers = _CALLER.get()
        if callers is not None and user is not None:
            callers.append(user)
        return user


@dataclass(slots=True)
class Audit:
    policy: Policy
    log: Log
    inner: Handler
    find: FindKind

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        began = times.micro_now()
        callers: list[UserInfo] = []
        notes: dict[str, str] = {}
        _CALLER.set(callers)
        NOTES.set(notes)
        response: web.StreamResponse | None = None
        try:
            response = await self.inner(request)
        finally:
            event = self._event(request, callers, notes, response)
            if event is not None:
                event |= {"requestReceivedTimestamp": began, "stageTimestamp": times.micro_now()}
                self.log.write(event)
        if event is not None and not response.prepared:
            response.headers["Audit-Id"] = event["auditID"]
        return response

    def _event(
        self,
        request: web.BaseRequest,
        callers: list[UserInfo],
        notes: dict[str, str],
        response: web.StreamResponse | None,
    ) -> Object | None:
        """None for what the policy leaves out."""
        path, _, text = request.raw_path.partition("?")
        asked = route(request.method, path, parse_query(text), self.find)
        user = callers[-1] if callers else UserInfo("system:anonymous", ("system:unauthenticated",))
        rule = self.policy.rule(user, asked.info)
        if LEVELS[rule.level] == 0 or STAGE in rule.omitted:
            return None
        event: Object = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": rule.level,
            "auditID": request.headers.get("Audit-Id") or str(uuid.uuid4()),
            "stage": STAGE,
            "requestURI": request.raw_path,
            "verb": asked.info.verb,
            "user": _user(user),
            "sourceIPs": [_remote(request)],
            "userAgent": request.headers.get("User-Agent", ""),
            "responseStatus": _status(response),
        }
        if request.headers.get("Impersonate-User"):
            groups = request.headers.getall("Impersonate-Group", [])
            event["impersonatedUser"] = {"username": request.headers["Impersonate-User"], "groups": list(groups)}
        if asked.info.is_resource:
            event["objectRef"] = _reference(asked)
            event |= _bodies(request, response, asked, LEVELS[rule.level], rule.bare)
        if notes:
            event["annotations"] = notes
        return event


def _user(user: UserInfo) -> Object:
    found: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        found["uid"] = user.uid
    if user.extra:
        found["extra"] = {key: list(values) for key, values in user.extra.items()}
    return found


def _remote(request: web.BaseRequest) -> str:
    connection = request.protocol
    return connection.remote if isinstance(connection, Connection) else str(request.remote or "")


def _reference(asked: Route) -> Object:
    info = asked.info
    found = {
        "resource": info.resource,
        "namespace": info.namespace,
        "name": info.name,
        "apiGroup": info.group,
        "apiVersion": info.version,
        "subresource": info.subresource,
    }
    return {key: value for key, value in found.items() if value}


def _status(response: web.StreamResponse | None) -> Object:
    """A refusal's Status; of anything else the code alone."""
    if response is None:
        return {"metadata": {}, "status": "Failure", "code": 500}
    found: Object = {"metadata": {}, "code": response.status}
    if response.status >= 400:
        body = _parsed(_body(response)) or {}
        found |= {key: body[key] for key in ("status", "message", "reason", "details") if key in body}
    return found


def _bodies(
    request: web.BaseRequest, response: web.StreamResponse | None, asked: Route, level: int, bare: bool
) -> Object:
    found: Object = {}
    if level >= LEVELS["Request"]:
        found["requestObject"] = _asked_object(request, asked)
    if level >= LEVELS["RequestResponse"] and response is not None:
        found["responseObject"] = _parsed(_body(response))
    if bare:
        for obj in found.values():
            if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
                obj["metadata"].pop(MANAGED, None)
    return {key: value for key, value in found.items() if value is not None}


def _asked_object(request: web.BaseRequest, asked: Route) -> Any:
    """The request's body as JSON: of a built-in kind, from protobuf or YAML too; None when it is neither or was not read."""
    body: bytes | None = request.get(BODY)
    if not body:
        return None
    parsed = _parsed(body)
    if parsed is None and asked.kind is not None:
        try:
            return decode(body, request.headers.get("Content-Type", ""), asked.kind, "Ignore")[0]
        except ApiError:
            return None  # refused as it was sent: the status says so
    return parsed


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _parsed(body: bytes) -> Any:
    if body[:1] not in (b"{", b"["):
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None  # not JSON, or not all of it
