"""What can be done about a pod: data, so that a plan can be read, compared and tested."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make the pod's directories and mount its volumes."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Write the files of volumes anew: an object they come from changed, or a token grew old."""


@dataclass(frozen=True, slots=True)
class StartSandbox:
    attempt: int


@dataclass(frozen=True, slots=True)
class StopSandbox:
    id: str


@dataclass(frozen=True, slots=True)
class RemoveSandbox:
    id: str


@dataclass(frozen=True, slots=True)
class Start:
    """Pull, create and start the container `name`; `ended_at` is the end of the run it follows."""

    name: str
    attempt: int
    sandbox_id: str
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Stop:
    """End a running container: its preStop hook, its stop signal, and after `grace` seconds SIGKILL."""

    id: str
    name: str
    grace: int
    message: str


@dataclass(frozen=True, slots=True)
class Resize:
    """Give a running container the resources its spec says now."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove an ended container and its log."""

    id: str
    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A container waits for a reason its status tells."""

    name: str
    reason: str
    message: str
    until: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class Release:
    """Unmount the volumes and remove the pod's cgroup."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Remove the pod's directories and tell the API that it is gone."""


Step = (
    Prepare
    | Refresh
    | StartSandbox
    | StopSandbox
    | RemoveSandbox
    | Start
    | Stop
    | Resize
    | Forget
    | Hold
    | Wait
    | Release
    | Complete
)
