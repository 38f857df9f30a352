"""All pods of the node: a worker each, fed by the API's watch and by the runtime's events.

Contract: `run()` until cancelled; pods go on running when it ends, and a new agent takes them up from the labels the runtime
keeps.  `pods()` and `log_path()` are what the node's own API shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agent.clocks import Clocks
from agent.pods.containers import CONTAINER_NAME
from agent.pods.counting import ProbeCount
from agent.pods.images import Images
from agent.pods.kept import Kept, NothingKept
from agent.pods.logs import logged_run
from agent.pods.machine import Stage
from agent.pods.manifests import Manifests, mirrored
from agent.pods.observed import Pod
from agent.pods.places import NodeFacts, Paths
from agent.pods.probing import Prober
from agent.pods.recording import Recorder
from agent.pods.references import References
from agent.pods.rotating import Log, LogLimits, Rotator
from agent.pods.sandboxes import GRACE, POD_NAME, POD_NAMESPACE, POD_UID
from agent.pods.storing import StorageGuard
from agent.pods.tokens import Tokens
from agent.pods.tools import Tools
from agent.pods.volumes.claims import Claims
from agent.pods.volumes.mounting import leftovers, remove_leftovers
from agent.pods.worker import Worker
from agent.runtime.contract import Runtime, RuntimeFailure
from agent.runtime.endings import Recent
from agent.runtime.words import Container, Sandbox
from kube.client import Client
from kube.errors import ApiError, not_found
from kube.informers import Informer

log = logging.getLogger(__name__)

RECONNECT = 0.5


class PodAgent:
    """`pods` is an informer on the pods bound to this node; the caller runs it.

    `node` is asked each time, since addresses may change; `services` yields Service objects for the variables of containers;
    `own_node` answers the node's own object, None while it is not known; `manifests` is a folder of pods of the node's own.
    """

    def __init__(
        self,
        client: Client,
        runtime: Runtime,
        pods: Informer,
        node: Callable[[], NodeFacts],
        paths: Paths,
        *,
        services: Callable[[], Iterable[Any]] = tuple,
        clocks: Clocks | None = None,
        cgroups: bool = True,
        kept: Kept | None = None,
        own_node: Callable[[], Any] = lambda: None,
        manifests: Path | None = None,
        log_limits: LogLimits = LogLimits(),  # noqa: B008 (frozen)
    ) -> None:
        kept = kept or NothingKept()
        clocks = clocks or Clocks()
        self._runtime = runtime
        self._informer = pods
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._recorder = Recorder(client, node().name)
        self._tools = Tools(
            runtime=runtime,
            client=client,
            images=Images(runtime, clocks.steady),
            references=References(client, self._refresh, kept),
            tokens=Tokens(client, clocks.steady, kept),
            claims=Claims(client),
            recorder=self._recorder,
            exits=Recent(),
            prober=Prober(runtime, self._recorder, clocks.steady, self.wake),
            paths=paths,
            node=node,
            services=services,
            own_node=own_node,
            admitted=self._admitted,
            clocks=clocks,
            cgroups=cgroups,
        )
        self._rotator = Rotator(runtime, log_limits, self._logs)
        self._manifests = Manifests(
            client,
            manifests or paths.pods / "none",
            lambda: own_node() or {"metadata": {"name": node().name}},
            lambda: pods.store.values(),
            self._start_manifest,
            self._end_manifest,
        )
        self._guard = StorageGuard(runtime, paths, self._active, self.evict)

    async def run(self) -> None:
        self._informer.on_change(self._changed)
        self._manifests.look()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._recorder.run(), name="events")
                group.create_task(self._follow_exits(), name="exits")
                group.create_task(self._rotator.run(), name="logs")
                group.create_task(self._guard.run(), name="storage")
                group.create_task(self._manifests.run(self._informer.synced), name="manifests")
                group.create_task(self._adopt_orphans(), name="orphans")
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._tools.prober.close()
            self._tools.references.close()

    def wake(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.wake()

    def evict(self, uid: str, message: str, grace: int) -> None:
        """End a pod because the node is short of something; one that is gone already is none to end."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.evict(message, grace)

    def images_changed(self) -> None:
        """An image was brought in by hand: pods that wait for one try again."""
        for worker in self._workers.values():
            worker.images_changed()

    # What the node's own API shows

    def pods(self) -> list[Pod]:
        """Every pod of this node, the newest status the agent knows."""
        return [worker.shown() for worker in self._workers.values()]

    @property
    def probe_counts(self) -> Iterable[ProbeCount]:
        return self._tools.prober.counts

    def _admitted(self) -> list[Pod]:
        return [worker.shown() for worker in self._workers.values() if worker.memory.admitted]

    def find(self, namespace: str, name: str) -> Worker:
        """The worker of a pod by its name; ApiError 404 when there is none."""
        for worker in self._workers.values():
            meta = worker.pod["metadata"]
            if (meta["namespace"], meta["name"]) == (namespace, name):
                return worker
        raise not_found("pods", name)

    def container_id(self, namespace: str, name: str, container: str) -> str:
        """The running container's id; ApiError 404 when it does not run."""
        attempt = self.find(namespace, name).sight.attempts.get(container, (None,))[0]
        if attempt is None or not attempt.running:
            raise ApiError(404, "NotFound", f'container not found ("{container}")')
        return attempt.id

    def sandbox_id(self, namespace: str, name: str) -> str:
        worker = self.find(namespace, name)
        sandbox = next((sandbox for sandbox in worker.sight.sandboxes if sandbox.ready), None)
        if sandbox is None:
            raise not_found("sandboxes", name)
        return sandbox.id

    def log_path(self, namespace: str, name: str, container: str, previous: bool = False) -> Path:
        """The log of a container's present run, or of the one before; ApiError 400 says why there is none."""
        worker = self.find(namespace, name)
        run = logged_run(worker.shown(), container, previous)
        for attempt in worker.sight.attempts.get(container, ()):
            if attempt.id == run:
                return self._tools.paths.log(namespace, name, worker.uid, container, attempt.attempt)
        raise not_found("containers", container)

    def _active(self) -> list[Pod]:
        return [worker.pod for worker in self._workers.values() if worker.memory.stage is Stage.ACTIVE]

    def _logs(self) -> Iterable[Log]:
        for worker in self._workers.values():
            meta = worker.pod["metadata"]
            for name, attempts in worker.sight.attempts.items():
                latest = attempts[0]
                if latest.running:
                    path = self._tools.paths.log(meta["namespace"], meta["name"], worker.uid, name, latest.attempt)
                    yield Log(latest.id, path)

    # What happens

    def _changed(self, event: str, old: Pod | None, new: Pod | None) -> None:
        mirror = mirrored(new or old or {"metadata": {}})
        if mirror:
            if new is not None and mirror in self._workers:
                self._workers[mirror].compare(new)
            return
        if old is not None and (new is None or new["metadata"]["uid"] != old["metadata"]["uid"]):
            self._vanished(old["metadata"]["uid"])
        if new is None:
            return
        worker = self._workers.get(new["metadata"]["uid"])
        if worker is None:
            self._spawn(Worker(self._tools, new))
        else:
            worker.update(new)

    def _start_manifest(self, pod: Pod) -> bool:
        meta = pod["metadata"]
        others = (worker.pod["metadata"] for worker in self._workers.values())
        if any((other["namespace"], other["name"]) == (meta["namespace"], meta["name"]) for other in others):
            return False
        self._spawn(Worker(self._tools, pod))
        return True

    def _end_manifest(self, uid: str) -> None:
        if uid in self._workers:
            self._workers[uid].vanish(None)

    def _vanished(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.vanish()

    def _spawn(self, worker: Worker) -> None:
        self._workers[worker.uid] = worker
        task = asyncio.create_task(worker.run(), name=f"pod {worker.uid}")
        self._tasks[worker.uid] = task
        task.add_done_callback(lambda done: self._ended(worker.uid, done))

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        self._workers.pop(uid, None)
        self._tasks.pop(uid, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("pod worker ended uid=%s", uid, exc_info=error)

    def _refresh(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.refresh()

    async def _follow_exits(self) -> None:
        """Wake the pod whose container ended; after a gap wake all, since an end may have been missed."""
        while True:
            try:
                async for ended in self._runtime.exits():
                    if not ended.oom:
                        self._tell_exit(ended.container_id)
            except RuntimeFailure as failure:
                log.info("runtime events lost error=%s", failure)
            await asyncio.sleep(RECONNECT)
            for worker in self._workers.values():
                worker.wake()

    def _tell_exit(self, container_id: str) -> None:
        self._tools.exits.add(container_id)
        for worker in self._workers.values():
            if worker.owns(container_id):
                worker.wake()
                return

    async def _adopt_orphans(self) -> None:
        """What the runtime runs and the API does not know any more is ended like any deleted pod."""
        await self._informer.synced.wait()
        while True:
            try:
                sandboxes = await self._runtime.list_sandboxes()
                containers = await self._runtime.list_containers()
            except RuntimeFailure as failure:
                log.info("orphans not looked for error=%s", failure)
                await asyncio.sleep(RECONNECT)
                continue
            break
        for pod in orphans(sandboxes, containers, set(self._workers)):
            log.info("orphan pod=%s/%s", pod["metadata"]["namespace"], pod["metadata"]["name"])
            worker = Worker(self._tools, pod)
            worker.memory.vanished = True
            self._spawn(worker)
        self._tools.references.prune()
        self._tools.tokens.prune(set(self._workers))
        # Found before anything else may run: a pod that comes while they are removed has none.
        left = leftovers(self._tools.paths, set(self._workers))
        await asyncio.to_thread(remove_leftovers, left, self._tools.paths)


def orphans(sandboxes: Iterable[Sandbox], containers: Iterable[Container], known: set[str]) -> list[Pod]:
    """Pods that only the runtime knows, as far as its labels tell them.  Pure."""
    names: dict[str, set[str]] = {}
    for container in containers:
        uid, name = container.labels.get(POD_UID), container.labels.get(CONTAINER_NAME)
        if uid and name:
            names.setdefault(uid, set()).add(name)
    found: dict[str, Pod] = {}
    for sandbox in sandboxes:
        uid = sandbox.labels.get(POD_UID, "")
        if uid and uid not in known:
            found[uid] = _orphan(sandbox, sorted(names.get(uid, ())))
    return list(found.values())


def _orphan(sandbox: Sandbox, containers: list[str]) -> Pod:
    meta = {
        "name": sandbox.labels.get(POD_NAME, sandbox.name),
        "namespace": sandbox.labels.get(POD_NAMESPACE, sandbox.namespace),
        "uid": sandbox.labels[POD_UID],
        "deletionTimestamp": "gone",
        "deletionGracePeriodSeconds": int(sandbox.annotations.get(GRACE, "30")),
    }
    return {"metadata": meta, "spec": {"containers": [{"name": name} for name in containers]}}
