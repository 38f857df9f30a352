"""An API server over a memory store with the scheduler and all controllers as its clients, and nodes that only pretend."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from kube import certificates, kinds, times
from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.informers import Informer
from master.api.building import Parts, open_server
from master.api.contract import Decision, UserInfo
from master.api.server import Listener
from master.controllers import running as controllers
from master.controllers.context import Context
from master.scheduler import running as scheduler
from master.store.memory import MemoryStore

ADMIN = UserInfo("admin", ("system:masters", "system:authenticated"))
PATIENCE = 30.0


class Anyone:
    async def authenticate(self, _credentials: Any) -> UserInfo:
        return ADMIN

    def authorize(self, _user: Any, _request: Any) -> Decision:
        return Decision(True)


def row(name: str, api_version: str = "v1") -> kinds.Kind:
    return kinds.kind_of({"apiVersion": api_version, "kind": name})


POD, NODE, LEASE = row("Pod"), row("Node"), row("Lease", "coordination.k8s.io/v1")


@dataclass
class Cluster:
    """`client` speaks to the API; pods on hollow nodes become Ready at once and go when they are deleted."""

    client: Client
    clock: Any
    authority: certificates.Pair
    shaky: Client
    """What the controllers speak with."""
    ready: bool = True
    exits: int | Callable[[dict[str, Any]], int | None] | None = None
    """The code that containers exit with at once, or what says it of a pod; None: they run."""
    ended_at: str = "2026-01-01T00:00:00Z"
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    """The controllers first."""

    def start_controllers(self) -> asyncio.Task[None]:
        context = Context(self.shaky, MasterConfig(), self.authority, "the ca", clock=self.clock)
        return asyncio.create_task(controllers.run_all(context))

    async def restart_controllers(self) -> None:
        """As a crash does: what they had in mind is gone."""
        self.tasks[0].cancel()
        await asyncio.gather(self.tasks[0], return_exceptions=True)
        self.tasks[0] = self.start_controllers()

    async def node(self, name: str, cpu: str = "8", **labels: str) -> None:
        resources = {"cpu": cpu, "memory": "16Gi", "pods": "110"}
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": times.now()}]
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
            "status": {"capacity": resources, "allocatable": resources, "conditions": conditions},
        }
        made = await self.client.create(NODE, "", node)
        if "conditions" not in (made.get("status") or {}):
            await self.client.patch(NODE, "", name, {"status": node["status"]}, subresource="status")

    async def create(self, obj: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
        kind = kinds.kind_of(obj)
        return await self.client.create(kind, namespace if kind.namespaced else "", obj)

    async def pods(self, namespace: str = "default", labels: str = "") -> list[dict[str, Any]]:
        items, _ = await self.client.list(POD, namespace, labels=labels)
        return items

    async def until(self, what: Callable[[], Any], message: str = "") -> Any:
        """The first true answer of an asynchronous question."""
        found: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := await what()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"waited in vain: {message or what.__doc__ or what}")
        return found

    async def gone(self, kind: kinds.Kind, namespace: str, name: str) -> None:
        async def absent() -> bool:
            try:
                await self.client.get(kind, namespace, name)
            except ApiError as error:
                return error.status == 404
            return False

        await self.until(absent, f"{kind.kind} {name} to go")

    async def hollow(self) -> None:
        """Plays every node's agent."""
        informer = Informer(self.client, POD)
        turns: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        informer.on_change(lambda _event, _old, new: turns.put_nowait(new) if new else None)
        task = asyncio.create_task(informer.run())
        try:
            while True:
                with contextlib.suppress(ApiError):
                    await self._play(await turns.get())
        finally:
            task.cancel()

    async def _play(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        if not pod["spec"].get("nodeName"):
            return
        if meta.get("deletionTimestamp"):
            await self.client.delete(POD, meta["namespace"], meta["name"], grace=0, uid=meta["uid"])
        elif self.ready and (pod.get("status") or {}).get("phase") == "Pending":
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": times.now()}
            status = {"phase": "Running", "podIP": "10.42.0.9", "podIPs": [{"ip": "10.42.0.9"}], "conditions": [ready]}
            await self._write(meta, status)
            code = self.exits(pod) if callable(self.exits) else self.exits
            if code is not None:
                await self._write(meta, self._ended(code))

    async def _write(self, meta: dict[str, Any], status: dict[str, Any]) -> None:
        await self.client.patch(
            POD, meta["namespace"], meta["name"], {"status": status}, "strategic", subresource="status"
        )

    def _ended(self, code: int) -> dict[str, Any]:
        ended = {"exitCode": code, "finishedAt": self.ended_at, "startedAt": self.ended_at}
        container = {"name": "c", "state": {"terminated": ended}, "ready": False, "restartCount": 0}
        container |= {"image": "i", "imageID": "i"}
        ready = {"type": "Ready", "status": "False", "lastTransitionTime": times.now()}
        phase = "Failed" if code else "Succeeded"
        return {"phase": phase, "conditions": [ready], "containerStatuses": [container]}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shaky(Client):
    """A client whose writes fail now and then: refused before they were done, or done and the answer lost."""

    def __init__(self, server: str, rng: random.Random, share: float) -> None:
        super().__init__(server)
        self._rng, self.share = rng, share

    async def raw(self, method: str, path: str, **options: Any) -> bytes:
        chance = self._rng.random() if method != "GET" else 1.0
        if chance < self.share / 2:
            raise ApiError(409, "Conflict", "injected: somebody else was faster")
        answer = await super().raw(method, path, **options)
        if chance < self.share:
            raise ConnectionResetError("injected: the answer is lost")
        return answer


@contextlib.asynccontextmanager
async def raised(share: float = 0.0, seed: int = 1) -> AsyncIterator[Cluster]:
    """A cluster whose controllers meet failures in a share of their writes."""
    store, anyone = MemoryStore(), Anyone()
    server = await open_server(store, lambda _cache: Parts(anyone, anyone))
    listener = Listener(server.api.handle, "127.0.0.1", 0)
    await listener.start()
    url = f"http://127.0.0.1:{listener.port}"
    try:
        async with Client(url) as client, Shaky(url, random.Random(seed), share) as shaky:
            together = Cluster(client, Clock(), certificates.make_ca("test", datetime.now(UTC)), shaky)
            for name in ("default", "kube-system", "kube-node-lease"):
                with contextlib.suppress(ApiError):
                    await together.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            together.tasks = [
                together.start_controllers(),
                asyncio.create_task(scheduler.run(client, rng=random.Random(seed))),
                asyncio.create_task(together.hollow()),
            ]
            yield together
            for task in together.tasks:
                assert not task.done(), task
            for task in together.tasks:
                task.cancel()
            await asyncio.gather(*together.tasks, return_exceptions=True)
    finally:
        server.watches.end_all()
        await listener.stop()
        await server.stop()
        await store.close()


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with raised() as made:
        yield made


@pytest.fixture(scope="session")
def raise_cluster() -> Callable[..., contextlib.AbstractAsyncContextManager[Cluster]]:
    return raised
