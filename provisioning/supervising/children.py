"""What is wanted and what is: the pure half of the supervisor."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.supervising.services import Service

STEADY_SECONDS = 5.0
CAME_UP_SECONDS = 1.0
"""Who lived so long had come up: whatever ended it, it is back within a second."""


def backoff(failures: int, lived: float = 0.0) -> float:
    """Seconds before the next start: 0.1 after the first failure, doubled each time, 15 at most (1 for who had come up)."""
    most = 1.0 if lived >= CAME_UP_SECONDS else 15.0
    return float(min(0.1 * 2 ** min(failures - 1, 10), most)) if failures else 0.0


class Action(enum.Enum):
    """The one next thing to do for a child."""

    SPAWN = "spawn"
    TERMINATE = "terminate"
    KILL = "kill"


@dataclass(slots=True)
class Child:
    """A service's present: wanted or not, its process, and when something is due."""

    service: Service
    wanted: bool = True
    restarting: bool = False
    removed: bool = False
    pid: int = 0
    started: float = 0.0
    due: float = 0.0
    told: float = 0.0
    failures: int = 0
    starts: int = 0
    last_exit: int | None = None

    def exited(self, code: int, now: float) -> None:
        """Note the end of the process; a steady run forgets earlier failures."""
        asked = self.restarting or not self.wanted
        lived = now - self.started
        self.failures = 0 if asked or lived >= STEADY_SECONDS else self.failures + 1
        self.due = now if asked else now + backoff(max(self.failures, 1), lived)
        self.pid, self.told, self.restarting, self.last_exit = 0, 0.0, False, code

    def asked(self, verb: str, now: float) -> None:
        """Heed start, stop or restart; a start of what does not run forgets its history."""
        self.wanted = verb != "stop"
        self.restarting = verb == "restart" and bool(self.pid)
        self.due = now
        if self.wanted and not self.pid:
            self.failures, self.starts, self.last_exit = 0, 0, None

    @property
    def state(self) -> str:
        if self.pid:
            return "stopping" if self.told else "running"
        return "waiting" if self.wanted else "stopped"


def plan(child: Child, now: float, started: Iterable[str] = ()) -> Action | None:
    """The next action for a child, `started` being the names that run already."""
    if not child.pid:
        ready = child.wanted and now >= child.due and set(child.service.after) <= set(started)
        return Action.SPAWN if ready else None
    if child.wanted and not child.restarting:
        return None
    if not child.told:
        return Action.TERMINATE
    return Action.KILL if now >= child.told + child.service.stop_seconds else None
