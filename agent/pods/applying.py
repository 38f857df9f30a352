"""The steps of one pod done: the hands of its worker.

Contract: `apply` raises what the runtime or the API refuses; the next round plans from what is seen then.  After a step that
changes what can be seen it calls `wake`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from agent.pods import cgroups, preparing
from agent.pods.containers import find_container
from agent.pods.machine import Happening, Stage
from agent.pods.memory import Memory
from agent.pods.observed import Observed, Pod, Trouble
from agent.pods.reporting import PODS, Reporter
from agent.pods.resizing import resources_text
from agent.pods.resources import cgroup_parent, container_resources, pod_resources, qos_class
from agent.pods.rotating import put_aside
from agent.pods.sandboxes import runtime_handler, sandbox_config
from agent.pods.starting import start
from agent.pods.steps import (
    Complete,
    Forget,
    Hold,
    Prepare,
    Refresh,
    Release,
    RemoveSandbox,
    Resize,
    Start,
    StartSandbox,
    Step,
    Stop,
    StopSandbox,
    Wait,
)
from agent.pods.stopping import stop
from agent.pods.tools import Tools
from agent.runtime.contract import RuntimeFailure
from kube.errors import ApiError

log = logging.getLogger(__name__)

STOP_RETRY = 1.0
RESIZE_RETRY = 10.0


@dataclass(slots=True)
class Hands:
    """`ending` is set when the pod's end is asked for: what may take long is given up then."""

    tools: Tools
    memory: Memory
    reporter: Reporter
    wake: Callable[[], None]
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    stops: dict[str, tuple[int, asyncio.Task[None]]] = field(default_factory=dict)

    async def apply(self, step: Step, pod: Pod, seen: Observed) -> None:
        runtime = self.tools.runtime
        match step:
            case Prepare():
                await self._interruptible(preparing.prepare(self.tools, pod, self.memory))
                self.wake()
            case Refresh():
                await preparing.refresh(self.tools, pod, self.memory)
            case StartSandbox():
                await self._start_sandbox(step, pod)
                self.wake()
            case StopSandbox():
                await runtime.stop_sandbox(step.id)
                self.wake()
            case RemoveSandbox():
                await runtime.remove_sandbox(step.id)
            case Start():
                await self._interruptible(start(self.tools, pod, self.memory, seen, step))
                self.wake()
            case Stop():
                self._stop(step, pod, seen)
            case Resize():
                await self._resize(step, pod)
                self.wake()
            case Forget():
                await self._forget(step, pod)
            case Hold():
                self._hold(step, pod)
            case Release():
                preparing.release(self.tools, pod, self.memory)
            case Complete():
                await self._complete(pod)
            case Wait():
                pass

    def let_go(self) -> None:
        for _, task in self.stops.values():
            task.cancel()

    async def _start_sandbox(self, step: StartSandbox, pod: Pod) -> None:
        tools = self.tools
        try:
            handler = runtime_handler(pod, tools.references.objects(pod["metadata"]["uid"]))
            config = sandbox_config(pod, step.attempt, tools.node(), tools.paths)
            await tools.runtime.run_sandbox(replace(config, runtime_handler=handler))
        except (RuntimeFailure, LookupError) as failure:
            if isinstance(failure, RuntimeFailure) and failure.unreachable:
                raise
            said = f"Failed to create pod sandbox: {failure}"
            tools.recorder.record(pod, "Warning", "FailedCreatePodSandBox", said)
            self.memory.without_sandbox(said, tools.clock())
        else:
            self.memory.with_sandbox()

    def _stop(self, step: Stop, pod: Pod, seen: Observed) -> None:
        """Stops run beside the loop, so that one container's grace holds up no other; a shorter grace goes beside it."""
        running = self.stops.get(step.id)
        if running and not running[1].done() and running[0] <= step.grace:
            return
        ip = seen.ips[0] if seen.ips else "127.0.0.1"
        task = asyncio.create_task(self._stopping(step, pod, ip), name=f"stop {step.name}")
        self.stops[step.id] = step.grace, task

    async def _stopping(self, step: Stop, pod: Pod, ip: str) -> None:
        try:
            await stop(self.tools, pod, step, ip)
        except RuntimeFailure as failure:
            log.warning("stop failed pod=%s container=%s error=%s", pod["metadata"]["name"], step.name, failure)
            await asyncio.sleep(STOP_RETRY)
        self.wake()

    async def _resize(self, step: Resize, pod: Pod) -> None:
        """The pod's own limits make way first, and follow at the end; what the runtime refuses is tried again."""
        tools, container = self.tools, find_container(pod, step.name)
        node = tools.node()
        parent = cgroup_parent(node.cgroup_root, pod, qos_class(pod))
        try:
            if tools.cgroups:
                cgroups.lift_limits(parent)
            await tools.runtime.update_resources(step.id, container_resources(container, qos_class(pod), node))
            self.memory.given[step.id] = resources_text(container)
        except RuntimeFailure as failure:
            if failure.unreachable:
                raise
            self.memory.resize_held = Trouble("Error", str(failure), tools.clock() + RESIZE_RETRY)
        finally:
            if tools.cgroups:
                cgroups.set_limits(parent, pod_resources(pod, node.cpus))

    async def _forget(self, step: Forget, pod: Pod) -> None:
        meta, paths = pod["metadata"], self.tools.paths
        await self.tools.runtime.remove_container(step.id)
        log_file = paths.log(meta["namespace"], meta["name"], meta["uid"], step.name, step.attempt)
        for path in (log_file, *(aside for aside, _ in put_aside(log_file))):
            path.unlink(missing_ok=True)
        paths.termination(meta["uid"], step.name, step.attempt).unlink(missing_ok=True)
        self.memory.messages.pop(step.id, None)
        self.memory.given.pop(step.id, None)
        self.stops.pop(step.id, None)

    def _hold(self, step: Hold, pod: Pod) -> None:
        trouble = Trouble(step.reason, step.message, step.until)
        if self.memory.troubles.get(step.name) == trouble:
            return
        self.memory.troubles[step.name] = trouble
        meta = pod["metadata"]
        whom = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        said = f"Back-off restarting failed container {step.name} in pod {whom}"
        self.tools.recorder.record(pod, "Warning", "BackOff", said, step.name)
        self.wake()

    async def _complete(self, pod: Pod) -> None:
        """The last status first, then the API forgets the pod, then its folders go."""
        meta = pod["metadata"]
        if not self.memory.vanished:
            await self.reporter.flushed()
            try:
                await self.tools.client.delete(PODS, meta["namespace"], meta["name"], grace=0, uid=meta["uid"])
            except ApiError as error:
                if error.status not in {404, 409}:
                    raise
        await preparing.remove(self.tools, pod)
        self.memory.happen(Happening.REMOVED)

    async def _interruptible(self, work: Awaitable[None]) -> None:
        """Do `work`, unless the pod's end is asked for meanwhile: a pull or a hook may take long."""
        doing = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self.ending.wait())
        try:
            if self.memory.stage is Stage.ACTIVE:
                await asyncio.wait({doing, ending}, return_when=asyncio.FIRST_COMPLETED)
                if doing.done():
                    doing.result()
        finally:
            ending.cancel()
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})
