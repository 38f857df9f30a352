"""What the API costs: CPU seconds of the server for 1,000 calls with TLS, a token, RBAC, admission and validation.

The server is a process of its own over SQLite; its CPU is read from /proc.  The callers are some tasks of this process.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from bench.processes import calibration, cpu_seconds, memory
from bench.table import Row
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known
from kube.layout import Layout

POD, LEASE, NAMESPACE = known("v1", "Pod"), known("coordination.k8s.io/v1", "Lease"), known("v1", "Namespace")
ACCOUNT, BINDING = known("v1", "ServiceAccount"), known("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
ROLE = known("rbac.authorization.k8s.io/v1", "ClusterRole")
CALLS = 1000
STORED = 3300
CALLERS = 8
WATCHERS = 100
EVENTS = 200
SPACE = "bench"
WARMING = 100
PATIENCE = 30.0
CONFIG = """[api]
bind = "127.0.0.1"
port = {port}
[etcd]
enabled = false
[cluster]
pod_cidr = "10.64.0.0/12"
"""
"""A range of pods' addresses wide enough for thousands of hollow nodes."""

Object = dict[str, Any]


def rows() -> list[Row]:
    with served("api") as (server, layout):
        return uvloop.run(_measured(server, layout))


class Server:
    """A master on a free port, its files in `folder`; it can be started again."""

    def __init__(self, folder: Path, roles: str) -> None:
        self._folder, self._roles = folder, roles
        self.layout = Layout(folder)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            (folder / "master.toml").write_text(CONFIG.format(port=probe.getsockname()[1]))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> None:
        config, folder = str(self._folder / "master.toml"), str(self._folder)
        words = [sys.executable, "-m", "bench.api", self._roles, config, folder]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@contextmanager
def served(roles: str) -> Iterator[tuple[int, Layout]]:
    """A master with these roles and nothing else: its process id and where its files are."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        server = Server(Path(folder), roles)
        server.start()
        try:
            yield server.pid, server.layout
        except BaseException:
            print(server.log[-2000:], file=sys.stderr)
            raise
        finally:
            server.stop()


async def settled(admin_conf: Path) -> None:
    """Waits until the server made its certificates and answers."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with Client.from_kubeconfig(admin_conf) as client:
                    await client.list(NAMESPACE)
                return
            except (OSError, ApiError):
                await asyncio.sleep(0.1)


async def _measured(server: int, layout: Layout) -> list[Row]:
    await settled(layout.admin_conf)
    async with Client.from_kubeconfig(layout.admin_conf) as admin:
        token = await _prepare(admin)
        async with Client(admin.server, ca=layout.pki / "ca.crt", token=token, parallel=2 * WATCHERS) as client:
            return await _calls(server, client)


async def _prepare(admin: Client) -> str:
    """A namespace, and the token of an account that may do what is measured."""
    await admin.create(NAMESPACE, "", named("Namespace", "v1", SPACE))
    await admin.create(ACCOUNT, SPACE, named("ServiceAccount", "v1", "default"))
    await admin.create(ACCOUNT, SPACE, named("ServiceAccount", "v1", "caller"))
    rules = [
        {"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["*"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    role = named("ClusterRole", "rbac.authorization.k8s.io/v1", "bench") | {"rules": rules}
    await admin.create(ROLE, "", role)
    binding = named("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "bench") | {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bench"},
        "subjects": [{"kind": "ServiceAccount", "name": "caller", "namespace": SPACE}],
    }
    await admin.create(BINDING, "", binding)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await admin.create(ACCOUNT, SPACE, request, "token", "caller")
    return str(answer["status"]["token"])


def named(kind: str, api_version: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}


def pod(number: int) -> Object:
    container = {
        "name": "web",
        "image": "wherry.local/web:1",
        "ports": [{"containerPort": 80, "name": "http"}],
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    labels = {"app": "web", "tenth": str(number % 10)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number:05}", "labels": labels},
        "spec": {"containers": [container], "nodeName": f"n{number % 100}"},
    }


def status(number: int) -> Object:
    now = f"2026-01-02T03:04:{number % 60:02}Z"
    conditions = [
        {"type": one, "status": "True", "lastTransitionTime": now}
        for one in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    container = {
        "name": "web",
        "ready": True,
        "restartCount": 0,
        "image": "wherry.local/web:1",
        "imageID": "wherry.local/web@sha256:" + "0" * 64,
        "containerID": "containerd://" + "0" * 64,
        "state": {"running": {"startedAt": now}},
    }
    return {"status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}}


def lease(number: int, second: int) -> Object:
    spec = {
        "holderIdentity": f"n{number}",
        "leaseDurationSeconds": 40,
        "renewTime": f"2026-01-02T03:04:{second:02}.000000Z",
    }
    return named("Lease", "coordination.k8s.io/v1", f"n{number}") | {"spec": spec}


async def _calls(server: int, client: Client) -> list[Row]:
    cost = Cost(server)

    async def renew(number: int) -> None:
        found = leases[number % 100]
        found["spec"]["renewTime"] = f"2026-01-02T03:{number // 60 % 60:02}:{number % 60:02}.000000Z"
        leases[number % 100] = await client.update(LEASE, SPACE, found)

    await cost.of(lambda number: client.create(POD, SPACE, pod(STORED + number)), WARMING)
    made = await cost.of(lambda number: client.create(POD, SPACE, pod(number)), CALLS)
    leases = [await client.create(LEASE, SPACE, lease(number, 0)) for number in range(100)]
    read = await cost.of(lambda number: client.get(POD, SPACE, f"p{number % CALLS:05}"), 3 * CALLS)
    patched = await cost.of(
        lambda number: client.patch(POD, SPACE, f"p{number:05}", status(number), "strategic", "status"), CALLS
    )
    renewed = await cost.of(renew, CALLS)
    await cost.of(lambda number: client.create(POD, SPACE, pod(CALLS + number)), STORED - CALLS)
    listed = await cost.of(lambda _: client.raw("GET", POD.path(SPACE)), 20, callers=2)
    paged = await cost.of(lambda _: client.raw("GET", POD.path(SPACE) + "?limit=100"), 200)
    by_label = await cost.of(lambda _: client.raw("GET", POD.path(SPACE) + "?labelSelector=tenth%3D3"), 100)
    delivered, late = await _watched(cost, client)
    removed = await cost.of(lambda number: client.delete(POD, SPACE, f"p{number:05}", grace=0), CALLS)
    held = memory([server])
    return [
        Row("this machine: a fixed loop of 5 million steps: CPU", calibration(), "s"),
        Row("api: 1,000 creates: CPU", made, "s", 0.40),
        Row("api: 1,000 gets: CPU", read, "s", 0.10),
        Row("api: 1,000 status patches: CPU", patched, "s", 0.43),
        Row("api: 1,000 lease renewals: CPU", renewed, "s", 0.23),
        Row("api: 1,000 deletes: CPU", removed, "s", 0.5),
        Row("api: list 3,300 pods: CPU per 1,000", listed, "s", 10),
        Row("api: page of 100: CPU per 1,000", paged, "s", 0.48),
        Row("api: 330 of 3,300 by label: CPU per 1,000", by_label, "s", 1.6),
        Row("api: event to 100 watchers: CPU per 1,000 deliveries", delivered, "s", 0.02),
        Row("api: event to 100 watchers: p99", late * 1000, "ms", 15),
        Row("api: memory with 2,300 pods", held, "MiB"),
    ]


async def _watched(cost: Cost, client: Client) -> tuple[float, float]:
    """CPU per 1,000 deliveries (the writes' own is small beside them) and the slowest hundredth, in seconds."""
    sent: dict[str, float] = {}
    delays: list[float] = []

    async def watch() -> None:
        seen = 0
        async for type, obj in client.watch(LEASE, SPACE, rv=start, timeout=60):
            if type == "BOOKMARK":
                continue
            delays.append(time.perf_counter() - sent[obj["spec"]["renewTime"]])
            seen += 1
            if seen == EVENTS:
                return

    found, start = await client.list(LEASE, SPACE)
    watchers = [asyncio.create_task(watch()) for _ in range(WATCHERS)]
    while f"longrunning_requests {WATCHERS}.0" not in (await client.raw("GET", "/metrics")).decode():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    begin = cost.seconds()
    one = found[0]
    for number in range(EVENTS):
        one["spec"]["renewTime"] = f"2027-01-02T03:04:05.{number:06}Z"
        sent[one["spec"]["renewTime"]] = time.perf_counter()
        one = await client.update(LEASE, SPACE, one)
        await asyncio.sleep(0.03)
    await asyncio.gather(*watchers)
    spent = cost.seconds() - begin
    delays.sort()
    return spent / (EVENTS * WATCHERS) * 1000, delays[int(len(delays) * 0.99)]


class Cost:
    """CPU seconds of a process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def seconds(self) -> float:
        return cpu_seconds(self._pid)

    async def of(self, call: Callable[[int], Awaitable[Any]], count: int, callers: int = CALLERS) -> float:
        """CPU seconds for 1,000 such calls, `count` of them made by some callers at once."""
        numbers = iter(range(count))

        async def caller() -> None:
            for number in numbers:
                await call(number)

        begin = self.seconds()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return (self.seconds() - begin) / count * 1000


def _serve(roles: str, config: str, root: str) -> None:
    from master.cli import main

    main(["run", "--roles", roles, "--config", config, "--root", root])


if __name__ == "__main__":
    _serve(*sys.argv[1:])
