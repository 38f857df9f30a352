"""A pod as the runtime has it: its sandboxes and every attempt of its containers, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from agent.pods.containers import HASH, RESOURCES
from agent.pods.observed import Attempt
from agent.pods.sandboxes import POD_UID
from agent.runtime.contract import Runtime
from agent.runtime.words import Container, ContainerState, ContainerStatus, Sandbox


@dataclass(frozen=True, slots=True)
class Sight:
    sandboxes: tuple[Sandbox, ...]
    attempts: Mapping[str, tuple[Attempt, ...]]


class Observer:
    """One pod's; remembers what no longer changes (addresses, ended containers), so that looking again is cheap.

    `since` turns a date of the runtime into a steady moment.
    """

    def __init__(self, runtime: Runtime, uid: str, since: Callable[[float], float]) -> None:
        self._runtime = runtime
        self._since = since
        self._labels = {POD_UID: uid}
        self._ips: dict[str, tuple[str, ...]] = {}
        self._ended: dict[str, Attempt] = {}

    async def look(self) -> Sight:
        sandboxes = await self._runtime.list_sandboxes(self._labels)
        containers = await self._runtime.list_containers(self._labels)
        seen = [await self._with_ips(sandbox) for sandbox in sandboxes]
        attempts: dict[str, list[Attempt]] = {}
        for container in containers:
            attempt = await self._attempt(container)
            if attempt is not None:
                attempts.setdefault(container.name, []).append(attempt)
        for found in attempts.values():
            found.sort(key=lambda attempt: (attempt.attempt, attempt.created_at), reverse=True)
        seen.sort(key=lambda sandbox: sandbox.attempt, reverse=True)
        self._keep({container.id for container in containers}, {sandbox.id for sandbox in sandboxes})
        return Sight(tuple(seen), {name: tuple(found) for name, found in attempts.items()})

    async def _with_ips(self, sandbox: Sandbox) -> Sandbox:
        if sandbox.id not in self._ips:
            status = await self._runtime.sandbox_status(sandbox.id)
            if status is None or (sandbox.ready and not status.ips):
                return sandbox
            self._ips[sandbox.id] = status.ips
        return replace(sandbox, ips=self._ips[sandbox.id])

    async def _attempt(self, container: Container) -> Attempt | None:
        if container.id in self._ended:
            return self._ended[container.id]
        status = await self._runtime.container_status(container.id)
        if status is None:
            return None
        attempt = to_attempt(container, status)
        if attempt.state is ContainerState.EXITED:
            attempt = replace(attempt, ended_at=self._since(attempt.finished_at))
            self._ended[container.id] = attempt
        return attempt

    def _keep(self, containers: set[str], sandboxes: set[str]) -> None:
        self._ended = {key: attempt for key, attempt in self._ended.items() if key in containers}
        self._ips = {key: ips for key, ips in self._ips.items() if key in sandboxes}


def to_attempt(container: Container, status: ContainerStatus) -> Attempt:
    return Attempt(
        id=container.id,
        name=container.name,
        attempt=container.attempt,
        sandbox_id=container.sandbox_id,
        state=status.state,
        image=status.image,
        image_ref=status.image_ref,
        spec_hash=container.annotations.get(HASH, ""),
        resources=container.annotations.get(RESOURCES, ""),
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code,
        reason=status.reason,
        message=status.message,
    )
