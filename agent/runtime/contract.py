"""The seam between pods and a container runtime: a few methods, and one error.

Tests of the pods room use a recording fake of this protocol; the agent uses `client.Containerd`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.runtime.words import (
    Condition,
    Container,
    ContainerConfig,
    ContainerStatus,
    Exit,
    Filesystem,
    Image,
    Login,
    Outcome,
    Resources,
    Sandbox,
    SandboxConfig,
    Usage,
    Version,
)


@dataclass
class RuntimeFailure(Exception):
    """The runtime refused or could not be reached; `code` is gRPC's name of it (NOT_FOUND, UNAVAILABLE, ...)."""

    code: str
    message: str

    def __str__(self) -> str:
        return self.message

    @property
    def unreachable(self) -> bool:
        return self.code in {"UNAVAILABLE", "CANCELLED"}


class Runtime(Protocol):
    """Every method raises RuntimeFailure; stopping, signalling or removing what is not there is no failure."""

    async def run_sandbox(self, config: SandboxConfig) -> str: ...
    async def sandbox_status(self, sandbox_id: str) -> Sandbox | None: ...
    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]: ...
    async def stop_sandbox(self, sandbox_id: str) -> None: ...
    async def remove_sandbox(self, sandbox_id: str) -> None: ...

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str: ...
    async def start_container(self, container_id: str) -> None: ...
    async def stop_container(self, container_id: str, grace: int) -> None: ...
    async def signal_container(self, container_id: str, number: int) -> None: ...
    async def remove_container(self, container_id: str) -> None: ...
    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]: ...
    async def container_status(self, container_id: str) -> ContainerStatus | None: ...
    async def update_resources(self, container_id: str, resources: Resources) -> None: ...

    async def reopen_log(self, container_id: str) -> None: ...

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: int) -> Outcome:
        """Run a command to its end; RuntimeFailure DEADLINE_EXCEEDED when `timeout` seconds (0: none) were not enough."""
        ...

    async def image_status(self, image: str) -> Image | None: ...
    async def list_images(self) -> list[Image]: ...
    async def pull_image(self, image: str, login: Login | None = None) -> str: ...
    async def remove_image(self, image: str) -> None: ...

    async def usage(self) -> list[Usage]: ...
    async def image_filesystems(self) -> list[Filesystem]: ...
    async def version(self) -> Version: ...
    async def conditions(self) -> list[Condition]: ...

    def exits(self) -> AsyncIterator[Exit]:
        """Every container's end from now on; the stream's own end is a RuntimeFailure."""
        ...


class Streams(Protocol):
    """What exec, attach and port-forward need: a URL of the runtime's streaming server, good for one connection."""

    async def exec_url(self, container_id: str, command: Sequence[str], asked: StreamRequest) -> str: ...
    async def attach_url(self, container_id: str, asked: StreamRequest) -> str: ...
    async def port_forward_url(self, sandbox_id: str) -> str: ...


@dataclass(frozen=True, slots=True)
class StreamRequest:
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False
