"""What Services cost on a node: from the last create to the kernel's tables, and one change, in a namespace of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from agent.network.running import turn_on_switches
from agent.proxy.kernel import Backend, Iptables
from agent.proxy.rules import Place
from agent.proxy.running import Proxy
from agent.services import SERVICE_LABEL, ServiceTable
from bench.processes import memory
from bench.table import Row

ENDPOINTS = 4
CHANGES = 10
LOADS = (("nft", 1000, 1.2, 0.15), ("nft", 5000, 3.0, 0.15), ("legacy", 1000, 1.2, 0.5), ("legacy", 5000, 3.0, 0.5))
"""Backend, Services, seconds allowed for all of them and for one change."""
SERVICES_FROM, PODS_FROM = IPv4Address("10.43.1.0"), IPv4Address("10.42.0.2")

Object = dict[str, Any]


def rows() -> Iterator[Row]:
    for backend, services, for_all, for_one in LOADS:
        took = _in_namespace(backend, services)
        what = f"proxy: {services:,} x {ENDPOINTS} endpoints, {backend}"
        yield Row(f"{what}: after the last create", took["all"], "s", for_all)
        yield Row(f"{what}: one change, median", took["one"], "s", for_one)
        yield Row(f"{what}: resident", took["resident"], "MiB")


def _in_namespace(backend: str, services: int) -> dict[str, float]:
    name = f"bench{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        words = ["nsenter", f"--net=/run/netns/{name}", sys.executable, "-m", "bench.proxy", backend, str(services)]
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def measure(backend: Backend, services: int) -> dict[str, float]:
    """Seconds; runs in the namespace."""
    turn_on_switches()
    table = ServiceTable()
    proxy = Proxy(table, Iptables(backend), Place("n0", "10.42.0.0/16", "10.43.0.0/16"), time.monotonic)
    for number in range(services):
        proxy.changed(table.apply_service("ADDED", service(number)))
        proxy.changed(table.apply_slice("ADDED", piece(number, ENDPOINTS)))
    begin = time.perf_counter()
    await proxy.sync()
    took = time.perf_counter() - begin
    changes = []
    for number in range(CHANGES):
        begin = time.perf_counter()
        proxy.changed(table.apply_slice("MODIFIED", piece(number * 7, ENDPOINTS - 1)))
        await proxy.sync()
        changes.append(time.perf_counter() - begin)
    assert not proxy.refused and await _written(proxy, services)
    return {"all": took, "one": sorted(changes)[CHANGES // 2], "resident": memory([os.getpid()])}


async def _written(proxy: Proxy, services: int) -> bool:
    """Whether the kernel has a rule for the last Service."""
    return str(SERVICES_FROM + services - 1) in await proxy.kernel.save(("nat",))


def service(number: int) -> Object:
    address = str(SERVICES_FROM + number)
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return {
        "metadata": {"namespace": "bench", "name": f"s{number}"},
        "spec": {"clusterIP": address, "clusterIPs": [address], "ports": ports},
    }


def piece(number: int, count: int) -> Object:
    name = f"s{number}"
    endpoints = [
        {"addresses": [str(PODS_FROM + ENDPOINTS * number + one)], "nodeName": f"n{one}", "conditions": {"ready": True}}
        for one in range(count)
    ]
    return {
        "metadata": {"namespace": "bench", "name": f"{name}-1", "labels": {SERVICE_LABEL: name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        "endpoints": endpoints,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Backend(sys.argv[1]), int(sys.argv[2])))))
