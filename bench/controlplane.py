"""The whole control plane in one process over SQLite: memory, idle CPU, pods created and bound on hollow nodes.

Hollow nodes are Node objects without a machine; nobody runs the pods.  Clients are some tasks of this process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import uvloop

from bench.api import CALLERS, POD, Object, named, pod, served, settled, status
from bench.processes import cpu_seconds, memory
from bench.table import Row
from kube.client import Client
from kube.kinds import known

NODE, NAMESPACE = known("v1", "Node"), known("v1", "Namespace")
ACCOUNT = known("v1", "ServiceAccount")
BOUND = ((100, 1000), (1000, 2000))
"""Nodes, and pods that are placed on them."""
STORED = 3300
IDLE_SECONDS = 10
PATIENCE = 60.0
ROLES = "api,scheduler,controllers"


def rows() -> list[Row]:
    found: list[Row] = []
    with served(ROLES) as (server, layout):
        found += uvloop.run(_with_client(server, layout, _held))
    for nodes, pods in BOUND:
        with served(ROLES) as (server, layout):
            found += uvloop.run(_with_client(server, layout, partial(_bound, nodes=nodes, pods=pods)))
    return found


async def _with_client(server: int, layout: Any, work: Callable[[int, Client], Awaitable[list[Row]]]) -> list[Row]:
    await settled(layout.admin_conf)
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        return await work(server, client)


async def _held(server: int, client: Client) -> list[Row]:
    """Memory and CPU at rest; then memory with as many pods as a full small cluster has."""
    await asyncio.sleep(IDLE_SECONDS / 2)
    begin = cpu_seconds(server)
    await asyncio.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(server) - begin) / IDLE_SECONDS * 100
    at_rest = memory([server])
    await _nodes(client, 100)
    await spaced(client, "full")
    await _many(STORED, lambda number: client.create(POD, "full", pod(number)))
    await _many(STORED, lambda number: client.patch(POD, "full", name(number), status(number), "strategic", "status"))
    await asyncio.sleep(1)
    return [
        Row("control plane: memory, idle", at_rest, "MiB", 110),
        Row("control plane: CPU, idle", idle, "% of a core"),
        Row("control plane: memory, 100 nodes and 3,300 running pods", memory([server]), "MiB"),
    ]


async def _bound(server: int, client: Client, nodes: int, pods: int) -> list[Row]:
    """From the first create to the last binding, over nodes that have all that the controllers give them."""
    await _nodes(client, nodes)
    await spaced(client, "bound")
    await ranged(client)
    waiting = {name(number) for number in range(pods)}
    _, start = await client.list(POD, "bound")
    begin, spent = time.perf_counter(), cpu_seconds(server)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        tasks.create_task(_many(pods, lambda number: client.create(POD, "bound", unbound(number))))
        async for _, obj in client.watch(POD, "bound", rv=start):
            if obj.get("spec", {}).get("nodeName"):
                waiting.discard(obj["metadata"]["name"])
            if not waiting:
                break
    took = time.perf_counter() - begin
    what = f"created and bound, {nodes:,} hollow nodes"
    return [
        Row(f"{what}: pods a second", pods / took, "/s", 700, at_least=True),
        Row(f"{what}: 1,000 pods: CPU of the master", (cpu_seconds(server) - spent) / pods * 1000, "s", 1.4),
    ]


async def _nodes(client: Client, count: int) -> None:
    await _many(count, lambda number: client.create(NODE, "", node(number)))
    await _many(count, lambda number: client.patch(NODE, "", f"n{number}", capacity(), "strategic", "status"))


async def ranged(client: Client) -> None:
    """Every node has its part of the pods' addresses."""
    while not all(found["spec"].get("podCIDR") for found in (await client.list(NODE))[0]):  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def spaced(client: Client, space: str) -> None:
    """A namespace whose default account the controllers have made."""
    await client.create(NAMESPACE, "", named("Namespace", "v1", space))
    while "default" not in {row["metadata"]["name"] for row in (await client.list(ACCOUNT, space))[0]}:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _many(count: int, call: Callable[[int], Awaitable[Any]]) -> None:
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def name(number: int) -> str:
    return f"p{number:05}"


def unbound(number: int) -> Object:
    made = pod(number)
    del made["spec"]["nodeName"]
    return made


def node(number: int) -> Object:
    made = named("Node", "v1", f"n{number}")
    made["metadata"]["labels"] = {"kubernetes.io/hostname": f"n{number}"}
    return made


def capacity() -> Object:
    room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _now()}
    return {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
