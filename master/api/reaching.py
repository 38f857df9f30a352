"""Ways to what runs in the cluster: a pod's port, a Service's, opened as a plain connection.

How it works.  The master's machine need not be a node, so it may have no route to pods: a pod is reached through the agent
of its node, which dials and passes bytes on (`POST /dial/NS/POD/PORT`).  TLS is spoken over that, end to end.  What lies
behind a Service and is no pod is dialed from here.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from kube.connections import AGENT_PORT
from kube.errors import ApiError, not_found
from kube.kinds import known
from kube.upgrades import HEAD_LIMIT, Ends, Upgraded, dial
from master.api.contract import Object, Reader

POD, NODE, SERVICE = known("v1", "Pod"), known("v1", "Node"), known("v1", "Service")
SLICE = known("discovery.k8s.io/v1", "EndpointSlice")
SERVICE_LABEL = "kubernetes.io/service-name"
CONNECT_SECONDS = 10.0
TUNNEL = [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Length", "0")]


@dataclass(frozen=True, slots=True)
class Address:
    """`host` and `port`; `via` is the agent's URL that dials it, empty where it is dialed from here."""

    host: str
    port: int
    via: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """`reader` knows pods, nodes and Services; `tls` shows the master's certificate to agents and verifies theirs."""

    reader: Reader
    tls: ssl.SSLContext | None
    choose: Callable[[list[Address]], Address] = random.choice

    def pod(self, namespace: str, name: str, port: int) -> Address:
        pod = self.reader.get(POD, namespace, name)
        if pod is None:
            raise not_found("pods", name)
        address = (pod.get("status") or {}).get("podIP")
        node = self.reader.get(NODE, "", pod["spec"].get("nodeName", ""))
        if not address or node is None:
            raise unavailable(f'pod "{name}" has no address yet')
        path = f"/dial/{quote(namespace, safe='')}/{quote(name, safe='')}/{port}"
        return Address(str(address), port, f"https://{agent_address(node)}{path}")

    def service(self, namespace: str, name: str, port: str) -> Address:
        """One of the ready endpoints behind `port`: a name or a number; empty: the one without a name, or the only one."""
        service = self.reader.get(SERVICE, namespace, name)
        if service is None:
            raise not_found("services", name)
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return Address(spec["externalName"], int(port) if port.isdigit() else 443)
        named = _port_name(spec.get("ports") or (), port, name)
        found = [
            (endpoint, number)
            for piece in self.reader.list(SLICE, namespace)
            if (piece["metadata"].get("labels") or {}).get(SERVICE_LABEL) == name
            for number in _numbers(piece, named)
            for endpoint in piece.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready", True)
        ]
        if not found:
            raise unavailable(f'no endpoints available for service "{name}"')
        return self.choose([self._endpoint(namespace, endpoint, number) for endpoint, number in found])

    def _endpoint(self, namespace: str, endpoint: Object, port: int) -> Address:
        target = endpoint.get("targetRef") or {}
        if target.get("kind") == "Pod" and self.reader.get(POD, namespace, target["name"]) is not None:
            return self.pod(namespace, target["name"], port)
        return Address(endpoint["addresses"][0], port)

    async def connect(self, address: Address, tls: ssl.SSLContext | None = None, server_name: str = "") -> Ends:
        """ApiError 503 says what failed; with `tls` the far end's certificate is verified as that context says."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await self._open(address)
                if tls is not None:
                    try:
                        await writer.start_tls(tls, server_hostname=server_name or address.host)
                    except BaseException:
                        writer.transport.abort()
                        raise
                return reader, writer
        except (OSError, TimeoutError) as error:
            said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise unavailable(f"error trying to reach service: {address.host}:{address.port}: {said}") from error

    async def _open(self, address: Address) -> Ends:
        if not address.via:
            return await asyncio.open_connection(address.host, address.port, limit=HEAD_LIMIT)
        answer = await dial("POST", address.via, TUNNEL, self.tls)
        if answer.status != 101:
            refused = await refusal_of(answer)
            raise unavailable(f"error trying to reach service: {refused.message}")
        return answer.reader, answer.writer


def _port_name(ports: Any, wanted: str, service: str) -> str:
    """The name of the port that a request names by number; a name is taken as it is, and the only port need not be named."""
    if not wanted and len(ports) == 1:
        return str(ports[0].get("name", ""))
    if not wanted.isdigit():
        return wanted
    for port in ports:
        if port["port"] == int(wanted):
            return str(port.get("name", ""))
    raise unavailable(f'no service port {wanted} found for service "{service}"')


def _numbers(piece: Object, name: str) -> list[int]:
    return [port["port"] for port in piece.get("ports") or () if (port.get("name") or "") == name and port.get("port")]


def agent_address(node: Object) -> str:
    """`host:port` of the node's agent.  ApiError 503 while it has reported no address."""
    status = node.get("status") or {}
    addresses = {entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or [])}
    address = addresses.get("InternalIP") or addresses.get("ExternalIP") or addresses.get("Hostname")
    if not address:
        raise unavailable(f'node "{node["metadata"]["name"]}" has reported no address yet')
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port", AGENT_PORT)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


async def refusal_of(answer: Upgraded) -> ApiError:
    """What an agent said instead of switching protocols; its connection is closed."""
    try:
        return refusal(answer.status, await answer.body())
    finally:
        answer.writer.close()


def refusal(status: int, body: bytes) -> ApiError:
    """What the agent said, as our own refusal."""
    try:
        said: Mapping[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = {}
    message = str(said.get("message") or body.decode("utf-8", "replace") or f"the node answered {status}")
    return ApiError(status, str(said.get("reason") or "InternalError"), message)
