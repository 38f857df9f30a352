"""A full cluster on one master: 1,000 hollow agents with 10,000 pods, at rest, and after the master's restart.

A hollow agent is the API traffic of a real one: its Lease every 10 s, a watch of its own pods, their statuses; no
containers.  All of them are one process of their own (`python -m bench.hollow CONF NODES PODS`), whose cost is not the master's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import uvloop

from bench.api import CALLERS, LEASE, POD, Server, named, settled, status
from bench.controlplane import ROLES, node, ranged, spaced, unbound
from bench.processes import cpu_seconds, memory
from bench.table import Row
from kube import times
from kube.client import Client
from kube.errors import ApiError
from kube.informers import LINK_FAILURES, Informer
from kube.kinds import known

NODE = known("v1", "Node")
NODES, PODS = 1000, 10_000
SPACE, LEASES = "hollow", "kube-node-lease"
RENEW_SECONDS, REST_SECONDS = 10.0, 20.0
PATIENCE = 600.0


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        server = Server(Path(folder), ROLES)
        server.start()
        try:
            return uvloop.run(_measured(server))
        finally:
            server.stop()


async def _measured(server: Server) -> list[Row]:
    await settled(server.layout.admin_conf)
    async with asyncio.timeout(PATIENCE), Client.from_kubeconfig(server.layout.admin_conf) as client:
        await spaced(client, SPACE)
        async with _agents(server.layout.admin_conf) as said:
            await _told(said, "registered")
            await ranged(client)
            begin = time.perf_counter()
            await _create_pods(client)
            await _told(said, "running")
            took = time.perf_counter() - begin
            await asyncio.sleep(RENEW_SECONDS)
            spent = cpu_seconds(server.pid)
            await asyncio.sleep(REST_SECONDS)
            busy = (cpu_seconds(server.pid) - spent) / REST_SECONDS * 100
            listed = await _listed(client)
            held = memory([server.pid])
            back = await _restarted(server, client)
    what = f"{NODES:,} hollow agents with {PODS:,} pods"
    return [
        Row(f"{what}: from the first create to the last pod running", took, "s"),
        Row(f"{what}: CPU for their heartbeats", busy, "% of a core", 25),
        Row(f"{what}: memory of the master", held, "MiB", 350),
        Row(f"{what}: all pods as a table", listed, "s", 1.5),
        Row(f"{what}: all watches again after a restart", back, "s", 15),
    ]


async def _create_pods(client: Client) -> None:
    numbers = iter(range(PODS))

    async def caller() -> None:
        for number in numbers:
            await client.create(POD, SPACE, unbound(number))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def _listed(client: Client) -> float:
    begin = time.perf_counter()
    await client.raw("GET", POD.path(), headers={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"})
    return time.perf_counter() - begin


async def _restarted(server: Server, client: Client) -> float:
    """Seconds from the new master's start until as many watches are open as before."""
    wanted = await _watches(client)
    server.stop()
    server.start()
    begin = time.perf_counter()
    await settled(server.layout.admin_conf)
    while await _watches(client) < wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return time.perf_counter() - begin


async def _watches(client: Client) -> float:
    try:
        text = (await client.raw("GET", "/metrics")).decode()
    except (ApiError, *LINK_FAILURES):
        return 0.0
    words = (line.rpartition(" ") for line in text.splitlines() if "longrunning_requests" in line)
    return sum(float(value) for head, _, value in words if not head.startswith("#"))


@asynccontextmanager
async def _agents(admin_conf: Path) -> AsyncIterator[asyncio.StreamReader]:
    """The agents' process; it says a word a line."""
    words = (sys.executable, "-m", "bench.hollow", str(admin_conf), str(NODES), str(PODS))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await process.wait()


async def _told(said: asyncio.StreamReader, word: str) -> None:
    line = (await said.readline()).decode().strip()
    if line != word:
        raise RuntimeError(f"the agents said {line!r}, not {word!r}")


# The agents


class Agent:
    def __init__(self, client: Client, number: int, running: Counter) -> None:
        self._client, self._name, self._running = client, f"n{number}", running
        self._pods = Informer(client, POD, fields=f"spec.nodeName={self._name}")
        self._pending: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._pods.on_change(self._changed)

    async def register(self, number: int) -> None:
        room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": times.now()}
        await self._client.create(NODE, "", node(number))
        change = {"status": {"capacity": room, "allocatable": room, "conditions": [ready]}}
        await self._client.patch(NODE, "", self._name, change, "strategic", "status")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pods.run())
            tasks.create_task(self._renew())
            tasks.create_task(self._report())

    def _changed(self, _event: str, _old: Any, new: Any) -> None:
        if new is not None and (new.get("status") or {}).get("phase") == "Pending":
            self._pending.put_nowait(new)

    async def _renew(self) -> None:
        await asyncio.sleep(random.uniform(0, RENEW_SECONDS))
        lease = await self._client.create(LEASE, LEASES, lease_of(self._name))
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            lease["spec"]["renewTime"] = times.micro_now()
            try:
                lease = await self._client.update(LEASE, LEASES, lease)
            except (ApiError, *LINK_FAILURES):
                with suppress(ApiError, *LINK_FAILURES):
                    lease = await self._client.get(LEASE, LEASES, self._name)

    async def _report(self) -> None:
        while True:
            meta = (await self._pending.get())["metadata"]
            await self._client.patch(POD, meta["namespace"], meta["name"], status(0), "strategic", "status")
            self._running.add()


def lease_of(node: str) -> dict[str, Any]:
    spec = {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": times.micro_now()}
    return named("Lease", LEASE.api_version, node) | {"spec": spec}


class Counter:
    """Says `running` when all pods do."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted

    def add(self) -> None:
        self._left -= 1
        if not self._left:
            print("running", flush=True)


async def _hollow(admin_conf: str, nodes: int, pods: int) -> None:
    running = Counter(pods)
    async with asyncio.TaskGroup() as tasks:
        for first in range(0, nodes, CALLERS):
            numbers = range(first, min(first + CALLERS, nodes))
            clients = [await Client.from_kubeconfig(admin_conf).__aenter__() for _ in numbers]
            agents = [Agent(client, number, running) for client, number in zip(clients, numbers, strict=True)]
            await asyncio.gather(*(agent.register(number) for agent, number in zip(agents, numbers, strict=True)))
            for agent in agents:
                tasks.create_task(agent.run())
        print("registered", flush=True)


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # uvloop tells of each connection that a restart breaks
    uvloop.run(_hollow(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
