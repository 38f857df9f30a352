"""A way to a port of a pod of this node, for a master that is not on the pods' network: `POST /dial/NS/POD/PORT`.

The request asks for `Upgrade: tcp`; after 101 the connection is the pod's, byte by byte.  What is spoken over it, TLS
included, is between the two ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from kube.errors import ApiError, bad_request, not_found
from kube.upgrades import CHUNK, Ends, join, switching, take_over

CONNECT_SECONDS = 5.0


def address_of(pods: Iterable[Mapping[str, Any]], namespace: str, name: str) -> str:
    """The pod's address; ApiError 404 when it is not here, 503 while it has none."""
    for pod in pods:
        meta = pod["metadata"]
        if (meta["namespace"], meta["name"]) == (namespace, name):
            address = (pod.get("status") or {}).get("podIP")
            if not address:
                raise _unavailable(f'pod "{name}" has no address yet')
            return str(address)
    raise not_found("pods", name)


async def connect(address: str, port: str) -> Ends:
    """ApiError 503 with what the connection failed of."""
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise bad_request(f"port: {port!r} is no port between 1 and 65535")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(address, int(port), limit=CHUNK)
    except TimeoutError as error:
        raise _unavailable(f"dial tcp {address}:{port}: no answer within {CONNECT_SECONDS:.0f} s") from error
    except OSError as error:
        raise _unavailable(f"dial tcp {address}:{port}: {error.strerror or error}") from error


async def serve(request: web.Request, pods: Iterable[Mapping[str, Any]]) -> web.StreamResponse:
    where = request.match_info
    if request.headers.get("Upgrade", "").lower() != "tcp" or request.transport is None:
        raise bad_request("Upgrade request required")
    ends = await connect(address_of(pods, where["namespace"], where["pod"]), where["port"])
    reader, writer = take_over(request.transport)
    writer.write(switching({"Connection": "Upgrade", "Upgrade": "tcp"}))
    await join((reader, writer), ends)
    return web.Response()


def _unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)
