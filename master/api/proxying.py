"""nodes/NAME/proxy, pods/NAME/proxy, services/NAME/proxy: any HTTP request, passed on to what the name means.

A name is `[SCHEME:]NAME[:PORT]`.  Path and query go on as they came.  A pod's certificate is not verified: nobody says
whom it should name.  Source: the API's documentation of the proxy subresources.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

from kube.connections import AGENT_PORT
from kube.errors import ApiError, bad_request, not_found, words_of
from kube.upgrades import Ends
from master.api.calls import Call
from master.api.forwarding import Connect, Onward, forward
from master.api.passing import admit_connection
from master.api.reaching import CONNECT_SECONDS, NODE, POD, Address, Reach, agent_address, unavailable
from master.api.verbs import Rooms, Verb

HTTPS_PORT, HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True)
class Name:
    scheme: str
    name: str
    port: str


def parse_name(text: str, resource: str) -> Name:
    """ApiError 400 for a scheme that is none of http and https, or too many colons."""
    parts = text.split(":")
    if len(parts) > 3 or (len(parts) == 3 and parts[0] not in ("", "http", "https")):
        raise bad_request(f"invalid {resource} request {text!r}")
    scheme, name, port = parts if len(parts) == 3 else ("", *parts, "")[:3]
    if not name:
        raise bad_request(f"invalid {resource} request {text!r}")
    return Name(scheme, name, port)


@dataclass
class Proxies:
    reach: Reach

    def ways(self) -> Mapping[tuple[str, str, str], Verb]:
        found = {"nodes": self.node, "pods": self.pod, "services": self.service}
        return {("", plural, "proxy"): verb for plural, verb in found.items()}

    async def node(self, rooms: Rooms, call: Call) -> web.StreamResponse:
        await admit_connection(rooms, call)
        asked = parse_name(call.info.name, "node")
        node = self.reach.reader.get(NODE, "", asked.name)
        if node is None:
            raise not_found("nodes", asked.name)
        host, _, port = agent_address(node).rpartition(":")
        if asked.port not in ("", port, str(AGENT_PORT)):
            return await self._on(call, Address(host.strip("[]"), _number(asked.port)), asked.scheme == "https")

        async def connect() -> Ends:
            return await _to_agent(host.strip("[]"), int(port), self.reach.tls)

        return await _pass_on(call, connect, f"{host}:{port}")

    async def pod(self, rooms: Rooms, call: Call) -> web.StreamResponse:
        await admit_connection(rooms, call)
        asked = parse_name(call.info.name, "pod")
        pod = self.reach.reader.get(POD, call.namespace, asked.name)
        if pod is None:
            raise not_found("pods", asked.name)
        declared = [port["containerPort"] for c in pod["spec"]["containers"] for port in c.get("ports") or ()]
        secure = asked.scheme == "https"
        port = _number(asked.port) if asked.port else next(iter(declared), HTTPS_PORT if secure else HTTP_PORT)
        return await self._on(call, self.reach.pod(call.namespace, asked.name, port), secure)

    async def service(self, rooms: Rooms, call: Call) -> web.StreamResponse:
        await admit_connection(rooms, call)
        asked = parse_name(call.info.name, "service")
        address = self.reach.service(call.namespace, asked.name, asked.port)
        return await self._on(call, address, asked.scheme == "https")

    async def _on(self, call: Call, address: Address, secure: bool) -> web.StreamResponse:
        async def connect() -> Ends:
            return await self.reach.connect(address, self._unverified if secure else None)

        host = f"[{address.host}]" if ":" in address.host else address.host
        return await _pass_on(call, connect, f"{host}:{address.port}")

    @cached_property
    def _unverified(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


async def _pass_on(call: Call, connect: Connect, host: str) -> web.StreamResponse:
    path, mark, query = call.request.raw_path.partition("?")
    prefix, rest = split_path(path, bool(call.namespace))
    if not rest and call.request.method in ("GET", "HEAD"):
        return web.Response(status=301, headers={"Location": f"{path}/{mark}{query}"})
    return await forward(call.request, Onward(connect, host, (rest or "/") + mark + query, prefix))


def split_path(path: str, namespaced: bool) -> tuple[str, str]:
    """(up to `proxy`, what follows as it was sent): /api/v1/[namespaces/NS/]PLURAL/NAME/proxy[/...]."""
    parts = path.split("/")
    end = 8 if namespaced else 6
    return "/".join(parts[:end]), "".join(f"/{part}" for part in parts[end:])


async def _to_agent(host: str, port: int, tls: ssl.SSLContext | None) -> Ends:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(host, port, ssl=tls)
    except (OSError, TimeoutError) as error:
        raise unavailable(f"error trying to reach service: {host}:{port}: {words_of(error)}") from error


def _number(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ApiError(400, "BadRequest", f"invalid port {text!r}: must be a number between 1 and 65535")
    return int(text)
