"""One question to a container: exec, httpGet, tcpSocket, grpc or sleep, as probes and lifecycle hooks ask it.

Contract: `ask` answers an Answer and raises nothing but cancellation.  An exec that cannot even be started is neither success
nor failure: UNKNOWN, which counts for nothing.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urljoin, urlsplit

import grpc
import grpc.aio

from agent.pods.environment import expand
from agent.runtime.contract import Runtime, RuntimeFailure
from kube.errors import words_of

LONGEST_ANSWER = 10 << 10
USER_AGENT = "kube-probe/1.36"
REDIRECTS = {301, 302, 303, 307, 308}
MOST_REDIRECTS = 10
HEALTH = {b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING", b"\x08\x03": "SERVICE_UNKNOWN"}
"""grpc.health.v1.HealthCheckResponse by what is in it."""


class Outcome(Enum):
    """WARNING counts as success, and is told: an HTTP server sent us elsewhere."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`served`: an HTTP server answered, whatever it said."""

    outcome: Outcome
    said: str = ""
    served: bool = False

    @property
    def well(self) -> bool:
        return self.outcome in {Outcome.SUCCESS, Outcome.WARNING}

    @property
    def done(self) -> bool:
        """Whether a lifecycle hook was carried out: it need only reach its server."""
        return self.well or self.served


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom: the container's id, the address of its pod, its spec (for named ports and its environment)."""

    container_id: str
    ip: str
    container: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an HTTP probe asks."""

    scheme: str
    host: str
    port: int
    path: str

    def redirected(self, location: str) -> Place:
        there = urlsplit(urljoin(f"{self.scheme}://{_bracketed(self.host)}:{self.port}{self.path}", location))
        port = there.port or (443 if there.scheme == "https" else 80)
        path = there.path or "/"
        return Place(there.scheme, there.hostname or "", port, f"{path}?{there.query}" if there.query else path)


async def ask(runtime: Runtime, handler: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    kind = next((name for name in ASKING if name in handler), "")
    if not kind:
        return Answer(Outcome.FAILURE, f"no handler among {', '.join(handler)}")
    try:
        async with asyncio.timeout(timeout if kind != "exec" else None):
            return await ASKING[kind](runtime, handler[kind], asked, timeout)
    except TimeoutError:
        return Answer(Outcome.FAILURE, _where(kind, handler[kind], asked) + SLOW.get(kind, "context deadline exceeded"))
    except OSError as error:
        said = f"connect: {os.strerror(error.errno).lower()}" if error.errno else str(error)
        dial = f"dial tcp {_bracketed(_host(handler[kind], asked))}:{_port(handler[kind], asked)}: "
        return Answer(Outcome.FAILURE, (_where(kind, handler[kind], asked) if kind == "httpGet" else "") + dial + said)
    except (asyncio.IncompleteReadError, ValueError) as error:
        return Answer(Outcome.FAILURE, words_of(error))


async def _exec(runtime: Runtime, given: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    env = {entry["name"]: entry.get("value") or "" for entry in asked.container.get("env") or ()}
    command = [expand(word, env) for word in given.get("command") or ()]
    try:
        outcome = await runtime.exec_sync(asked.container_id, command, max(1, round(timeout)))
    except RuntimeFailure as failure:
        if failure.code == "DEADLINE_EXCEEDED":
            return Answer(Outcome.FAILURE, f'command timed out: "{" ".join(command)}" timed out after {timeout:g}s')
        return Answer(Outcome.UNKNOWN, f"rpc error: code = {failure.code.title()} desc = {failure}")
    said = (outcome.stdout + outcome.stderr)[:LONGEST_ANSWER].decode(errors="replace")
    return Answer(Outcome.SUCCESS if outcome.exit_code == 0 else Outcome.FAILURE, said)


async def _http(runtime: Runtime, given: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    place = Place(str(given.get("scheme") or "HTTP").lower(), _host(given, asked), _port(given, asked), _path(given))
    for _ in range(MOST_REDIRECTS + 1):
        response = await _get(place, given.get("httpHeaders") or ())
        if response.status not in REDIRECTS or not response.location:
            break
        there = place.redirected(response.location)
        if there.host != place.host:  # where others answer says nothing of this container
            return Answer(Outcome.WARNING, f"Probe terminated redirects, Response body: {response.body}", True)
        place = there
    else:
        return Answer(Outcome.FAILURE, f"stopped after {MOST_REDIRECTS} redirects", True)
    if 200 <= response.status < 400:
        return Answer(Outcome.SUCCESS, served=True)
    return Answer(Outcome.FAILURE, f"HTTP probe failed with statuscode: {response.status}", True)


@dataclass(frozen=True, slots=True)
class Response:
    """`location` is where it leads on; the body is read only then."""

    status: int
    location: str = ""
    body: str = ""


async def _get(place: Place, headers: Iterable[Mapping[str, str]]) -> Response:
    secure = _unverified() if place.scheme == "https" else None
    reader, writer = await asyncio.open_connection(place.host, place.port, ssl=secure)
    try:
        writer.write(_request(place, headers))
        await writer.drain()
        return await _response(reader)
    finally:
        writer.close()


async def _tcp(runtime: Runtime, given: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    _, writer = await asyncio.open_connection(_host(given, asked), _port(given, asked))
    writer.close()
    return Answer(Outcome.SUCCESS)


async def _grpc(runtime: Runtime, given: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    """The health protocol of gRPC: one field with the service's name, one with its state."""
    service = (given.get("service") or "").encode()
    request = (b"\x0a" + bytes([len(service)]) + service) if service else b""
    async with grpc.aio.insecure_channel(f"{_bracketed(asked.ip)}:{given['port']}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", None, None)
        try:
            answer = await check(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return Answer(Outcome.FAILURE, _grpc_complaint(error, f"{_bracketed(asked.ip)}:{given['port']}", timeout))
    state = HEALTH.get(answer, "UNKNOWN")
    if state == "SERVING":
        return Answer(Outcome.SUCCESS)
    return Answer(Outcome.FAILURE, f'service unhealthy (responded with "{state}")')


def _grpc_complaint(error: grpc.aio.AioRpcError, place: str, timeout: float) -> str:
    """A connection is tried for as long as the probe may take: one that never came is a timeout."""
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return f'timeout: failed to connect service "{place}" within {timeout:g}s: context deadline exceeded'
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        said = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        return f"error: {said}: {error.details()}"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"timeout: health rpc did not complete within {timeout:g}s"
    return f"error: health rpc probe failed: rpc error: code = {error.code().name.title()} desc = {error.details()}"


async def _sleep(runtime: Runtime, given: Mapping[str, Any], asked: Asked, timeout: float) -> Answer:
    await asyncio.sleep(float(given.get("seconds") or 0))
    return Answer(Outcome.SUCCESS)


ASKING = {"exec": _exec, "httpGet": _http, "tcpSocket": _tcp, "grpc": _grpc, "sleep": _sleep}


SLOW = {
    "httpGet": "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    "tcpSocket": "i/o timeout",
}
"""What clients read in events when no answer came in time."""


def port_number(port: int | str, container: Mapping[str, Any]) -> int:
    """A port given by number or by the name of one of the container's; ValueError when there is none of it."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for known in container.get("ports") or ():
        if known.get("name") == port:
            return int(known["containerPort"])
    raise ValueError(f"couldn't find port: {port!r}")


def _host(given: Mapping[str, Any], asked: Asked) -> str:
    return str(given.get("host") or asked.ip)


def _port(given: Mapping[str, Any], asked: Asked) -> int:
    return port_number(given.get("port", 0), asked.container)


def _where(kind: str, given: Mapping[str, Any], asked: Asked) -> str:
    """What was asked, as it stands before a complaint."""
    if kind not in SLOW:
        return ""
    place = f"{_bracketed(_host(given, asked))}:{_port(given, asked)}"
    if kind == "tcpSocket":
        return f"dial tcp {place}: "
    return f'Get "{str(given.get("scheme") or "HTTP").lower()}://{place}{_path(given)}": '


def _request(place: Place, given: Iterable[Mapping[str, str]]) -> bytes:
    host = f"{_bracketed(place.host)}:{place.port}"
    headers = {"Host": host, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"].title(): header["value"] for header in given}
    lines = [f"GET {place.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


async def _response(reader: asyncio.StreamReader) -> Response:
    line = (await reader.readline()).split(None, 2)
    if len(line) < 2 or not line[0].startswith(b"HTTP/") or not line[1].isdigit():
        raise ValueError("malformed HTTP response")
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode(errors="replace").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    if "location" not in headers:
        return Response(int(line[1]))
    length = headers.get("content-length", "")
    most = min(int(length), LONGEST_ANSWER) if length.isdigit() else LONGEST_ANSWER
    return Response(int(line[1]), headers["location"], await _body(reader, most))


async def _body(reader: asyncio.StreamReader, most: int) -> str:
    """What the server sends before it closes, up to `most` bytes."""
    found = b""
    while len(found) < most and (block := await reader.read(most - len(found))):
        found += block
    return found.decode(errors="replace")


def _path(given: Mapping[str, Any]) -> str:
    path = str(given.get("path") or "/")
    return path if path.startswith("/") else f"/{path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unverified() -> ssl.SSLContext:
    """A probe asks whether a server answers, not who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
