"""An image archive from this machine to every node: `POST https://NODE:10250/images`, the file as the body.

The agent answers `{"images": [names]}`, or a Status.  Nodes are served one by one, so that a slow card or a narrow link
gets the whole of it and the first trouble is named by its node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from kube.client import Client
from kube.connections import AGENT_PORT, tls_context
from kube.kinds import kind_of

NODES = kind_of({"apiVersion": "v1", "kind": "Node"})
CHUNK = 1 << 20
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=300)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one node said: the names of the images it took, or its complaint."""

    node: str
    images: tuple[str, ...] = ()
    problem: str = ""


async def load_archive(client: Client, archive: Path, only: set[str] | None = None) -> AsyncIterator[Loaded]:
    """Hand the archive to each node (or those of `only`), in the order of their names."""
    nodes, _ = await client.list(NODES)
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
        for node in sorted(nodes, key=lambda node: str(node["metadata"]["name"])):
            if only is None or node["metadata"]["name"] in only:
                yield await _load(session, client, node, archive)


async def _load(session: aiohttp.ClientSession, client: Client, node: dict[str, Any], archive: Path) -> Loaded:
    name = node["metadata"]["name"]
    address = _address(node)
    if not address:
        return Loaded(name, problem="has no address yet")
    try:
        async with session.post(
            f"https://{address}:{AGENT_PORT}/images", data=_chunks(archive), ssl=tls_context(client.access)
        ) as answer:
            body = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Loaded(name, problem=f"{address}:{AGENT_PORT} cannot be reached: {error or type(error).__name__}")
    if answer.status >= 300:
        return Loaded(name, problem=str(body.get("message", f"answered {answer.status}")))
    return Loaded(name, tuple(body.get("images", ())))


async def _chunks(archive: Path) -> AsyncIterator[bytes]:
    with archive.open("rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, CHUNK):
            yield chunk


def _address(node: dict[str, Any]) -> str:
    addresses = node.get("status", {}).get("addresses", [])
    return next((str(entry["address"]) for entry in addresses if entry["type"] == "InternalIP"), "")
