"""What the agent remembers of one pod between two looks at it.  Lost with the agent; nothing here is needed to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.clocks import Clocks
from agent.pods.admitting import is_new
from agent.pods.machine import Happening, Stage, advance
from agent.pods.observed import Observed, Pod, Trouble, Verdict
from agent.pods.observing import Sight
from agent.pods.resizing import Standing
from agent.pods.restarts import BackOff
from kube import times

SLOWEST_SANDBOX = 30.0

FINAL = {"Succeeded", "Failed"}


@dataclass(slots=True)
class Memory:
    """`final`: the API's status is the last word (the pod ended before this agent knew it).

    `volumes` are those made ready, by name; a claim is the volume that was bound to it.
    `rejected`: the node did not take the pod.
    """

    stage: Stage = Stage.ACTIVE
    final: bool = False
    vanished: bool = False
    started_at: float = 0.0
    active_since: float = 0.0
    ended_reason: str = ""
    ended_message: str = ""
    grace: int | None = None
    admitted: bool = False
    rejected: bool = False
    prepared: bool = False
    prepare_at: float = 0.0
    prepare_delay: float = 0.5
    sandbox_delay: float = 1.0
    refresh_at: float = float("inf")
    troubles: dict[str, Trouble] = field(default_factory=dict)
    backoffs: dict[str, BackOff] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    resize_held: Trouble | None = None
    resize_told: Standing = Standing()  # noqa: RUF009 (frozen)
    volumes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, pod: Pod, clocks: Clocks) -> Memory:
        status = pod.get("status") or {}
        final = status.get("phase") in FINAL
        memory = cls(stage=Stage.ENDING if final else Stage.ACTIVE, final=final)
        memory.started_at = started_at(pod) or clocks.wall()
        memory.active_since = clocks.since(memory.started_at)
        memory.prepared = final
        memory.admitted = not is_new(pod)
        memory.floors = told_attempts(status)
        if final:
            memory.ended_reason = str(status.get("reason") or "")
            memory.ended_message = str(status.get("message") or "")
        return memory

    def happen(self, happening: Happening) -> None:
        self.stage = advance(self.stage, happening)

    def without_sandbox(self, message: str, now: float) -> None:
        """No sandbox could be made: later and later again, since each try writes to the disk."""
        self.troubles[""] = Trouble("FailedCreatePodSandBox", message, now + self.sandbox_delay)
        self.sandbox_delay = min(self.sandbox_delay * 2, SLOWEST_SANDBOX)

    def with_sandbox(self) -> None:
        self.troubles.pop("", None)
        self.sandbox_delay = 1.0

    def observed(self, sight: Sight, verdicts: Mapping[str, Verdict]) -> Observed:
        return Observed(
            stage=self.stage,
            sandboxes=sight.sandboxes,
            attempts=sight.attempts,
            verdicts=verdicts,
            troubles=self.troubles,
            backoffs=self.backoffs,
            floors=self.floors,
            given=self.given,
            resize_held=self.resize_held,
            rejected=self.rejected,
            prepared=self.prepared,
            prepare_at=self.prepare_at,
            refresh_at=self.refresh_at,
            started_at=self.started_at,
            active_since=self.active_since,
            ended_reason=self.ended_reason,
            ended_message=self.ended_message,
            grace=self.grace,
        )


def started_at(pod: Pod) -> float:
    """When an agent first took the pod, as its status says; 0 when it does not."""
    told = (pod.get("status") or {}).get("startTime")
    return times.parse(told).timestamp() if told else 0.0


def told_attempts(status: Mapping[str, Any]) -> dict[str, int]:
    """The attempt that follows what the API was told of each container that ever started."""
    found = {}
    for field_name in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for told in status.get(field_name) or ():
            if told.get("containerID") or told.get("restartCount"):
                found[told["name"]] = int(told.get("restartCount") or 0) + 1
    return found


def told_view(pod: Pod, told: Mapping[str, Any] | None) -> Pod:
    """The pod with what the agent told last in place of what the API's copy may not show yet."""
    if told is None:
        return pod
    status = dict(pod.get("status") or {})
    own = {condition["type"] for condition in told["conditions"]}
    others = [c for c in status.get("conditions") or () if c["type"] not in own]
    return {**pod, "status": {**status, "phase": told["phase"], "conditions": [*others, *told["conditions"]]}}
