"""Startup, liveness and readiness of every running container, asked at their periods.

How it works: a task a container.  The startup probe is asked alone until it succeeds; then liveness and readiness side by
side.  A verdict changes after `successThreshold` or `failureThreshold` answers of one sort in a row; `changed(uid)` wakes the
pod.  An agent that starts anew takes a container's readiness from the status it told before, so that nothing flaps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.pods.counting import ProbeCounts
from agent.pods.handling import Answer, Asked, Outcome, ask
from agent.pods.observed import Pod, Verdict
from agent.pods.recording import Recorder
from agent.runtime.contract import Runtime

KINDS = ("startupProbe", "livenessProbe", "readinessProbe")
TOLD = {
    Outcome.WARNING: ("ProbeWarning", "warning"),
    Outcome.FAILURE: ("Unhealthy", "failed"),
    Outcome.UNKNOWN: ("Unhealthy", "errored and resulted in unknown state"),
}
"""Reason of the event, and what it says of the probe."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Answers of one sort in a row, and whether the probe holds now."""

    holds: bool
    successes: int = 0
    failures: int = 0

    def count(self, answer: Outcome, probe: Mapping[str, Any]) -> Tally:
        if answer is Outcome.UNKNOWN:
            return self
        if answer in {Outcome.SUCCESS, Outcome.WARNING}:
            successes = self.successes + 1
            return Tally(self.holds or successes >= int(probe.get("successThreshold") or 1), successes)
        failures = self.failures + 1
        return Tally(self.holds and failures < int(probe.get("failureThreshold") or 3), 0, failures)


@dataclass(frozen=True, slots=True)
class Probed:
    """A running container whose probes are to be asked; it runs since the steady moment `since`."""

    pod: Pod
    asked: Asked
    since: float
    was_ready: bool = False

    @property
    def name(self) -> str:
        return str(self.asked.container["name"])

    @property
    def labels(self) -> dict[str, str]:
        meta = self.pod["metadata"]
        return {
            "container": self.name,
            "namespace": meta["namespace"],
            "pod": meta["name"],
            "pod_uid": meta["uid"],
        }


class Prober:
    def __init__(
        self,
        runtime: Runtime,
        recorder: Recorder,
        clock: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._recorder = recorder
        self._clock = clock
        self._changed = changed
        self._verdicts: dict[str, Verdict] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._winding: set[str] = set()
        self.counts = ProbeCounts()

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """By container id; a container without probes has none."""
        return self._verdicts

    def follow(self, probed: Probed) -> None:
        """Start asking; a container that is followed already goes on as it was."""
        key = probed.asked.container_id
        container = probed.asked.container
        if key in self._tasks or not any(container.get(kind) for kind in KINDS):
            return
        ready = probed.was_ready or not container.get("readinessProbe")
        self._verdicts[key] = Verdict(started=probed.was_ready or not container.get("startupProbe"), ready=ready)
        self._tasks[key] = asyncio.create_task(self._watch(probed), name=f"probes of {probed.name}")

    def wind_down(self, probed: Probed) -> None:
        """The pod ends: only its readiness is still asked, so that whoever sends it work hears of it."""
        key, probe = probed.asked.container_id, probed.asked.container.get("readinessProbe")
        if key in self._winding or key not in self._tasks:
            return
        self.rest(key)
        if probe:
            self._winding.add(key)
            self._tasks[key] = asyncio.create_task(self._readiness(probed, probe), name=f"readiness of {probed.name}")

    def rest(self, container_id: str) -> None:
        """Ask no more, and keep the last verdict: the container is ending."""
        task = self._tasks.pop(container_id, None)
        if task is not None:
            task.cancel()

    def drop(self, container_id: str) -> None:
        self.rest(container_id)
        self._verdicts.pop(container_id, None)
        self.counts.forget(container_id)
        self._winding.discard(container_id)

    def close(self) -> None:
        for container_id in tuple(self._tasks):
            self.drop(container_id)

    async def _watch(self, probed: Probed) -> None:
        container = probed.asked.container
        if container.get("startupProbe") and not self._verdicts[probed.asked.container_id].started:
            await self._startup(probed, container["startupProbe"])
        async with asyncio.TaskGroup() as both:
            if container.get("livenessProbe"):
                both.create_task(self._liveness(probed, container["livenessProbe"]))
            if container.get("readinessProbe"):
                both.create_task(self._readiness(probed, container["readinessProbe"]))

    async def _startup(self, probed: Probed, probe: Mapping[str, Any]) -> None:
        tally, failures = Tally(False), 0
        await self._delay(probed, probe)
        while True:
            answer = await self._ask(probed, probe, "Startup")
            tally = tally.count(answer.outcome, probe)
            failures += answer.outcome is Outcome.FAILURE
            if tally.holds:
                self._set(probed, started=True)
                return
            if failures >= int(probe.get("failureThreshold") or 3):
                self._doom(probed, probe, "startup")
                return
            await asyncio.sleep(_period(probe))

    async def _liveness(self, probed: Probed, probe: Mapping[str, Any]) -> None:
        tally = Tally(True)
        await self._delay(probed, probe)
        while True:
            answer = await self._ask(probed, probe, "Liveness")
            tally = tally.count(answer.outcome, probe)
            if not tally.holds:
                self._doom(probed, probe, "liveness")
                return
            await asyncio.sleep(_period(probe))

    async def _readiness(self, probed: Probed, probe: Mapping[str, Any]) -> None:
        tally = Tally(self._verdicts[probed.asked.container_id].ready)
        await self._delay(probed, probe)
        while True:
            answer = await self._ask(probed, probe, "Readiness")
            tally = tally.count(answer.outcome, probe)
            self._set(probed, ready=tally.holds)
            await asyncio.sleep(_period(probe))

    async def _delay(self, probed: Probed, probe: Mapping[str, Any]) -> None:
        left = probed.since + float(probe.get("initialDelaySeconds") or 0) - self._clock()
        if left > 0:
            await asyncio.sleep(left)

    async def _ask(self, probed: Probed, probe: Mapping[str, Any], title: str) -> Answer:
        begun = self._clock()
        answer = await ask(self._runtime, probe, probed.asked, float(probe.get("timeoutSeconds") or 1))
        self.counts.of(probed.asked.container_id, title, probed.labels).add(answer.outcome, self._clock() - begun)
        if told := TOLD.get(answer.outcome):
            reason, how = told
            self._recorder.record(probed.pod, "Warning", reason, f"{title} probe {how}: {answer.said}", probed.name)
        return answer

    def _doom(self, probed: Probed, probe: Mapping[str, Any], what: str) -> None:
        message = f"Container {probed.name} failed {what} probe, will be restarted"
        self._set(probed, doom=message, doom_grace=probe.get("terminationGracePeriodSeconds"), ready=False)

    def _set(self, probed: Probed, **changes: Any) -> None:
        key = probed.asked.container_id
        before = self._verdicts.get(key)
        if before is None:
            return
        self._verdicts[key] = replace(before, **changes)
        if self._verdicts[key] != before:
            self._changed(probed.pod["metadata"]["uid"])


def _period(probe: Mapping[str, Any]) -> float:
    return float(probe.get("periodSeconds") or 10)
