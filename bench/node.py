"""A real cluster with one virtual node: how long `master up` takes, what master and agent hold, how fast pods start.

The pods are measured by a child of this program that runs in the cluster's network namespace.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from bench.processes import command_lines, cpu_seconds, memory
from bench.table import Row
from kube.client import Client
from kube.kinds import known

if TYPE_CHECKING:
    from tests.cluster.clusters import Cluster

POD, SERVICE, DEPLOYMENT = known("v1", "Pod"), known("v1", "Service"), known("apps/v1", "Deployment")
SPACE = "default"
IDLE_SECONDS = 20
ALONE, TOGETHER = 11, 20
PATIENCE = 90.0
UP = re.compile(r"up in ([\d.]+) s")

Object = dict[str, Any]


def rows() -> Iterator[Row]:
    from tests.cluster.clusters import raised

    with raised("wb", nodes=1) as cluster:
        yield Row("make up, Debian packages and .venv present", float(UP.findall(cluster.said)[0]), "s", 30)
        _within(cluster, "clear")
        time.sleep(IDLE_SECONDS / 2)
        master, agent = processes(cluster)
        yield from _at_rest("master", master, 110, None)
        yield from _at_rest("agent with proxy and DNS, no pods", agent, 65, 1)
        took = _within(cluster, "measure")
        yield Row("pod create to Ready: median of 10", took["median"], "s", 0.32)
        yield Row("pod create to Ready: max of 10", took["max"], "s", 0.42)
        yield Row("pod delete with a grace of 1 s: median", took["delete"], "s", 1.3)
        yield Row("20 pods at once: all Ready", took["together"], "s", 4)
        yield from _at_rest("agent with 20 pods, proxy and DNS", processes(cluster)[1], 65, 1)


def _at_rest(what: str, pids: list[int], most: float, cpu: float | None) -> Iterator[Row]:
    begin = sum(map(cpu_seconds, pids))
    time.sleep(IDLE_SECONDS)
    spent = sum(map(cpu_seconds, pids)) - begin
    yield Row(f"{what}: memory, {len(pids)} processes", memory(pids), "MiB", most)
    yield Row(f"{what}: CPU, idle", spent / IDLE_SECONDS * 100, "% of a core", cpu)


def processes(cluster: Cluster) -> tuple[list[int], list[int]]:
    """Those of the master, and those of its only node's agent: the agent and its children."""
    master, agents = [], []
    root = str(cluster.root).encode()
    for pid, words in command_lines():
        if root in words and b"run" in words and words[1].endswith(b"/master"):
            master.append(pid)
        elif words[1:3] == [b"-m", b"agent.residents"] and _on_node(pid, cluster):
            agents.append(pid)
    return master, agents


def _on_node(pid: int, cluster: Cluster) -> bool:
    """Whether the process lies in a cgroup of this cluster's nodes."""
    from kube.layout import Layout
    from provisioning.virtual.records import tag

    return tag(Layout(cluster.root)) in Path(f"/proc/{pid}/cgroup").read_text()


def _within(cluster: Cluster, work: str) -> dict[str, float]:
    """What a child of this program, in the cluster's network, finds."""
    words = cluster.inside(sys.executable, "-m", "bench.node", work, cluster.root / "kubeconfig")
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=240)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def clear(kubeconfig: Path) -> dict[str, float]:
    """Takes the sample away."""
    async with Client.from_kubeconfig(kubeconfig) as client:
        await client.delete(DEPLOYMENT, SPACE, "web")
        await client.delete(SERVICE, SPACE, "web")
        async with asyncio.timeout(PATIENCE):
            while (await client.list(POD, SPACE))[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    return {}


async def measure(kubeconfig: Path) -> dict[str, float]:
    """Seconds.  The first pod warms the image's snapshot and is not counted.  20 pods are left running."""
    async with Client.from_kubeconfig(kubeconfig) as client:
        starts, deletes = [], []
        for number in range(ALONE):
            async with _watching(client) as events:
                starts.append(await _started(client, events, [f"alone-{number}"]))
                deletes.append(await _deleted(client, events, f"alone-{number}"))
        async with _watching(client) as events:
            together = await _started(client, events, [f"together-{number}" for number in range(TOGETHER)])
    counted = starts[1:]
    return {
        "median": statistics.median(counted),
        "max": max(counted),
        "together": together,
        "delete": statistics.median(deletes),
    }


@asynccontextmanager
async def _watching(client: Client) -> AsyncIterator[AsyncIterator[tuple[str, Object]]]:
    """The events of pods from now on."""
    _, start = await client.list(POD, SPACE)
    async with asyncio.timeout(PATIENCE):
        yield client.watch(POD, SPACE, rv=start)


async def _started(client: Client, events: AsyncIterator[tuple[str, Object]], names: list[str]) -> float:
    begin, waiting = time.perf_counter(), set(names)
    await asyncio.gather(*(client.create(POD, SPACE, pod(name)) for name in names))
    async for _, obj in events:
        if _ready(obj):
            waiting.discard(obj["metadata"]["name"])
        if not waiting:
            break
    return time.perf_counter() - begin


async def _deleted(client: Client, events: AsyncIterator[tuple[str, Object]], name: str) -> float:
    begin = time.perf_counter()
    await client.delete(POD, SPACE, name, grace=1)
    async for event, obj in events:
        if event == "DELETED" and obj["metadata"]["name"] == name:
            break
    return time.perf_counter() - begin


def _ready(obj: Object) -> bool:
    return any(row["type"] == "Ready" and row["status"] == "True" for row in obj["status"].get("conditions") or ())


def pod(name: str) -> Object:
    """A container that does nothing and does not end when it is asked to."""
    requests = {"cpu": "10m", "memory": "8Mi"}
    container = {
        "name": "main",
        "image": "wherry.local/busybox:1",
        "command": ["sleep", "3600"],
        "resources": {"requests": requests},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "bench"}},
        "spec": {"containers": [container]},
    }


if __name__ == "__main__":
    work = {"clear": clear, "measure": measure}[sys.argv[1]]
    print(json.dumps(uvloop.run(work(Path(sys.argv[2])))))
