"""Whether a node is Ready, and the wait until it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known

NODE = known("v1", "Node")
LEASE = known("coordination.k8s.io/v1", "Lease")
LEASES = "kube-node-lease"
READY_SECONDS = 60.0


class NotReady(Exception):
    """The agent was started and the node is not Ready; the text says what it reports."""


async def find_node(client: Client, name: str) -> dict[str, Any] | None:
    try:
        return await client.get(NODE, "", name)
    except ApiError as error:
        if error.status != 404:
            raise
        return None


async def node_at(client: Client, address: str) -> str:
    """The name of the Ready node that has this address; empty when there is none."""
    nodes, _ = await client.list(NODE)
    for node in nodes:
        rows = (node.get("status") or {}).get("addresses") or ()
        if ready(node) and any(row["address"] == address for row in rows):
            return str(node["metadata"]["name"])
    return ""


async def is_ready(client: Client, name: str) -> bool:
    node = await find_node(client, name)
    return node is not None and ready(node)


def ready(node: dict[str, Any]) -> bool:
    return any(row["type"] == "Ready" and row["status"] == "True" for row in _conditions(node))


async def last_sign(client: Client, name: str) -> str:
    """When the node's agent renewed its lease; empty where it never did."""
    try:
        lease = await client.get(LEASE, LEASES, name)
    except ApiError as error:
        if error.status != 404:
            raise
        return ""
    return str(lease["spec"].get("renewTime", ""))


async def await_ready(client: Client, name: str, before: str = "", seconds: float = READY_SECONDS) -> None:
    """NotReady says why, when the time is over.  `before` is the last sign of life that does not count."""
    deadline = time.monotonic() + seconds
    while not (await last_sign(client, name) != before and await is_ready(client, name)):
        if time.monotonic() > deadline:
            raise NotReady(f"it did not get Ready within {seconds:.0f} s: {reason(await find_node(client, name))}")
        await asyncio.sleep(0.1)


def reason(node: dict[str, Any] | None) -> str:
    """What a node says of its not being Ready."""
    if node is None:
        return "its agent never registered"
    return next((row.get("message", "") for row in _conditions(node) if row["type"] == "Ready"), "it reports nothing")


def _conditions(node: dict[str, Any]) -> list[dict[str, Any]]:
    return (node.get("status") or {}).get("conditions") or []
