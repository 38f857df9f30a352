"""What is seen of one pod: sandboxes and containers as the runtime tells them, and what the agent itself remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.pods.machine import Stage
from agent.pods.restarts import BackOff
from agent.runtime.words import ContainerState, Sandbox

Pod = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One container the runtime made for a container of the spec; `attempt` counts from 0 and is the restart count.

    `started_at` and `finished_at` are dates; `ended_at` is a moment of the steady clock.
    """

    id: str
    name: str
    attempt: int
    sandbox_id: str
    state: ContainerState
    image: str = ""
    image_ref: str = ""
    spec_hash: str = ""
    resources: str = ""
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    ended_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""

    @property
    def running(self) -> bool:
        return self.state is ContainerState.RUNNING

    @property
    def ended(self) -> bool:
        return self.state is ContainerState.EXITED


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a container waits, as its status says it; tried again at `retry_at`."""

    reason: str
    message: str
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the probes and hooks of a running container say.  `doom` is the reason to kill it, `doom_grace` its time."""

    started: bool = True
    ready: bool = True
    doom: str = ""
    doom_grace: int | None = None


UNPROBED = Verdict()


@dataclass(frozen=True, slots=True)
class Observed:
    """`sandboxes` and each container's attempts are newest first; `floors` holds a container's first attempt where a reboot
    took the runtime's memory, so that its count of restarts goes on; `given` are the resources a container got since it was
    made, and `resize_held` is why the node does not give it others; `started_at` is the
    date that is told and `active_since` the steady moment."""

    stage: Stage = Stage.ACTIVE
    sandboxes: tuple[Sandbox, ...] = ()
    attempts: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    backoffs: Mapping[str, BackOff] = field(default_factory=dict)
    floors: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    resize_held: Trouble | None = None
    rejected: bool = False
    prepared: bool = False
    prepare_at: float = 0.0
    refresh_at: float = float("inf")
    started_at: float = 0.0
    active_since: float = 0.0
    ended_reason: str = ""
    ended_message: str = ""
    grace: int | None = None

    @property
    def sandbox(self) -> Sandbox | None:
        """The pod's living sandbox."""
        return next((sandbox for sandbox in self.sandboxes if sandbox.ready), None)

    @property
    def next_sandbox(self) -> int:
        return self.sandboxes[0].attempt + 1 if self.sandboxes else 0

    @property
    def ips(self) -> tuple[str, ...]:
        return self.sandboxes[0].ips if self.sandboxes else ()

    def latest(self, name: str) -> Attempt | None:
        found = self.attempts.get(name)
        return found[0] if found else None

    def previous(self, name: str) -> Attempt | None:
        found = self.attempts.get(name, ())
        return found[1] if len(found) > 1 else None

    def verdict(self, attempt: Attempt) -> Verdict:
        return self.verdicts.get(attempt.id, UNPROBED)

    def running(self) -> list[Attempt]:
        return [attempt for attempts in self.attempts.values() for attempt in attempts if attempt.running]
