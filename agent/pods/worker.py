"""The loop of one pod: look, tell, plan, apply; then sleep until something happens or a time the plan named.

How it ends: the pod's stage is GONE.  A runtime that cannot be reached is waited for; any other error of one round is logged
with the pod's key, and the next round starts from what is seen then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any

import aiohttp

from agent.pods.applying import Hands
from agent.pods.conditions import EVICTED
from agent.pods.containers import find_container
from agent.pods.handling import Asked
from agent.pods.machine import Happening, Stage
from agent.pods.memory import FINAL, Memory, told_view
from agent.pods.messages import termination_message
from agent.pods.observed import Attempt, Observed, Pod, Trouble
from agent.pods.observing import Observer, Sight
from agent.pods.planning import DEADLINE, happenings, is_deleted, plan
from agent.pods.preparing import admit
from agent.pods.probing import Probed
from agent.pods.reporting import Reporter
from agent.pods.resizing import held, is_pending, resize_event, standing
from agent.pods.statuses import Place, status
from agent.pods.steps import Hold, Wait
from agent.pods.tools import Tools
from agent.runtime.contract import RuntimeFailure
from kube.errors import ApiError

log = logging.getLogger(__name__)

RETRY = 1.0
SWEEP = 60.0
CATCHING_UP = 0.01
TOLD = ("labels", "annotations", "generation")
CONFIGURATION = frozenset({"CreateContainerConfigError", "CreateContainerError"})
WITHOUT_IMAGE = frozenset({"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"})
MENDABLE = CONFIGURATION | WITHOUT_IMAGE
"""Reasons for which a container waits that another spec, or what it names, may end."""
DEADLINE_SAID = "Pod was active on the node longer than the specified deadline"
TROUBLES = (RuntimeFailure, ApiError, aiohttp.ClientError, OSError, TimeoutError)


class Worker:
    """`update`, `vanish` and `wake` may be called at any time; `run` in a task until the pod is gone."""

    def __init__(self, tools: Tools, pod: Pod) -> None:
        self.pod = pod
        self.uid = str(pod["metadata"]["uid"])
        self.memory = Memory.of(pod, tools.clocks)
        self.sight = Sight((), {})
        self._tools = tools
        self._observer = Observer(tools.runtime, self.uid, tools.clocks.since)
        self._reporter = Reporter(tools.client, pod)
        self._told: dict[str, Any] | None = None
        self._awake = asyncio.Event()
        self._hands = Hands(tools, self.memory, self._reporter, self.wake)
        if is_deleted(pod):
            self._hands.ending.set()

    def update(self, pod: Pod) -> None:
        """The API's newest word on the pod."""
        before, now = self.pod["metadata"], pod["metadata"]
        if any(before.get(told) != now.get(told) for told in TOLD):
            self.memory.refresh_at = 0.0
            self._retry(MENDABLE)
        self.pod = pod
        self.compare(pod)
        if is_deleted(pod):
            self._hands.ending.set()
        self.wake()

    def compare(self, pod: Pod) -> None:
        """Tell our word again where the API's copy, or a mirror of the pod, says otherwise."""
        if self._told and not self._reporter.reflected(pod, self._told):
            self._reporter.again()

    def vanish(self, grace: int | None = 0) -> None:
        """The API knows the pod no more, so nobody waits for its end: end it at once and tell nobody.

        `grace` None is what the spec says.
        """
        self.memory.vanished = True
        self.memory.grace = grace
        self.pod = {**self.pod, "metadata": {**self.pod["metadata"], "deletionTimestamp": "gone"}}
        self._hands.ending.set()
        self.wake()

    def evict(self, message: str, grace: int) -> None:
        """The node is short of something: the pod ends within `grace` seconds, and has failed."""
        self.memory.ended_reason, self.memory.ended_message = EVICTED, message
        self.memory.grace = grace
        self._tools.recorder.record(self.pod, "Warning", EVICTED, message)
        self._hands.ending.set()
        self.wake()

    def wake(self) -> None:
        self._awake.set()

    def refresh(self) -> None:
        """An object the pod refers to changed."""
        self.memory.refresh_at = 0.0
        self.memory.prepare_at = 0.0
        self._retry(CONFIGURATION)
        self.wake()

    def images_changed(self) -> None:
        """An image arrived: who waits for one need not wait longer."""
        self._retry(WITHOUT_IMAGE)
        self.wake()

    def owns(self, container_id: str) -> bool:
        """Whether a container or sandbox, as far as it was seen, is this pod's."""
        return any(attempt.id == container_id for attempt in self._attempts()) or any(
            sandbox.id == container_id for sandbox in self.sight.sandboxes
        )

    def shown(self) -> Pod:
        """The pod with the status the agent told last."""
        return {**self.pod, "status": {**(self.pod.get("status") or {}), **(self._told or {})}}

    async def run(self) -> None:
        reporting = asyncio.create_task(self._reporter.run(), name=f"status of {self.uid}")
        try:
            while self.memory.stage is not Stage.GONE:
                self._awake.clear()
                await self._sleep(await self._round())
        finally:
            reporting.cancel()
            self._hands.let_go()
            for attempt in self._attempts():
                self._tools.prober.drop(attempt.id)

    async def _round(self) -> float:
        """One look and what follows from it; when to look again at the latest."""
        try:
            return await self._reconcile()
        except TROUBLES as error:
            log.warning("pod round failed pod=%s error=%s", self._key(), error)
        except Exception:
            log.exception("pod round broke pod=%s", self._key())
        return self._tools.clock() + RETRY

    async def _reconcile(self) -> float:
        self.sight = await self._observer.look()
        self._note_endings()
        self._admit()
        seen = self._seen()
        for happening in happenings(self.pod, seen, self._tools.clock()):
            if happening is Happening.FAILED and not self.memory.ended_reason:
                self._expire()
            self.memory.happen(happening)
            seen = self._seen()
            self.wake()
        self._probe(seen)
        self._judge_resize(seen)
        seen = self._seen()
        self._tell_resize(seen)
        self._tell(seen)
        until = self._tools.clock() + SWEEP
        for step in plan(self.pod, seen, self._tools.clock()):
            if isinstance(step, (Wait, Hold)):
                until = min(until, step.until)
            await self._hands.apply(step, self.pod, seen)
        return until

    def _admit(self) -> None:
        """Judge a pod that nobody took yet; what runs was taken."""
        if self.sight.sandboxes:
            self.memory.admitted = True
        elif not (self.memory.admitted or self.memory.rejected or is_deleted(self.pod)):
            admit(self._tools, self.pod, self.memory)

    def _judge_resize(self, seen: Observed) -> None:
        """Whether the node takes the resize that the spec asks for; a failure of its own is kept until it is tried again."""
        failed = self.memory.resize_held
        if not is_pending(self.pod, seen):
            self.memory.resize_held = None
        elif failed is None or not failed.retry_at:
            others = [pod for pod in self._tools.admitted() if pod["metadata"]["uid"] != self.uid]
            active = [pod for pod in others if pod["status"].get("phase") not in FINAL]
            self.memory.resize_held = held(self.pod, self._tools.node().allocatable, active)

    def _tell_resize(self, seen: Observed) -> None:
        before = self.memory.resize_told
        self.memory.resize_told = standing(before, self.pod, seen)
        event = resize_event(before, self.memory.resize_told, self.pod)
        if event and self.memory.stage is Stage.ACTIVE:
            self._tools.recorder.record(self.pod, *event)

    # What is seen and told

    def _seen(self) -> Observed:
        return self.memory.observed(self.sight, self._tools.prober.verdicts)

    def _note_endings(self) -> None:
        """Last words of what ended; and look again soon where CRI has not heard yet what the events told."""
        for attempt in self._attempts():
            if attempt.ended and attempt.id not in self.memory.messages:
                self.memory.messages[attempt.id] = self._last_words(attempt)
                self._tools.prober.drop(attempt.id)
        alive = [attempt.id for attempt in self._attempts() if attempt.running]
        alive += [sandbox.id for sandbox in self.sight.sandboxes if sandbox.ready]
        if any(one in self._tools.exits for one in alive):
            asyncio.get_running_loop().call_later(CATCHING_UP, self.wake)

    def _last_words(self, attempt: Attempt) -> str:
        try:
            container = find_container(self.pod, attempt.name)
        except KeyError:
            return ""
        meta, paths = self.pod["metadata"], self._tools.paths
        log_file = paths.log(meta["namespace"], meta["name"], self.uid, attempt.name, attempt.attempt)
        file = paths.termination(self.uid, attempt.name, attempt.attempt)
        return termination_message(container, attempt.exit_code, file, log_file)

    def _probe(self, seen: Observed) -> None:
        ips = self._tools.node().ips if self.pod["spec"].get("hostNetwork") else seen.ips
        told = self._ready_before()
        for attempt in seen.running():
            container = find_container(self.pod, attempt.name)
            asked = Asked(attempt.id, ips[0] if ips else "127.0.0.1", container)
            probed = Probed(self.pod, asked, self._tools.clocks.since(attempt.started_at), attempt.id in told)
            if self.memory.stage is Stage.ACTIVE:
                self._tools.prober.follow(probed)
            else:
                self._tools.prober.wind_down(probed)

    def _ready_before(self) -> set[str]:
        states = self.pod.get("status", {})
        known = [*(states.get("containerStatuses") or ()), *(states.get("initContainerStatuses") or ())]
        return {state.get("containerID", "").rpartition("/")[2] for state in known if state.get("ready")}

    def _tell(self, seen: Observed) -> None:
        if self.memory.final or self.memory.vanished:
            return
        place = Place(self._tools.node().ips, self.memory.messages)
        self._told = status(told_view(self.pod, self._told), seen, place, self._tools.clocks.wall())
        self._reporter.tell(self._told)

    def _expire(self) -> None:
        self.memory.ended_reason, self.memory.ended_message = DEADLINE, DEADLINE_SAID
        self._tools.recorder.record(self.pod, "Normal", DEADLINE, DEADLINE_SAID)

    def _attempts(self) -> list[Attempt]:
        return [attempt for attempts in self.sight.attempts.values() for attempt in attempts]

    def _retry(self, reasons: Collection[str]) -> None:
        for name, trouble in self.memory.troubles.items():
            if trouble.reason in reasons:
                self.memory.troubles[name] = Trouble(trouble.reason, trouble.message)

    async def _sleep(self, until: float) -> None:
        left = until - self._tools.clock()
        if left > 0 and not self._awake.is_set():
            try:
                async with asyncio.timeout(left):
                    await self._awake.wait()
            except TimeoutError:
                return

    def _key(self) -> str:
        meta = self.pod["metadata"]
        return f"{meta['namespace']}/{meta['name']}"
