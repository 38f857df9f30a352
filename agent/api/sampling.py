"""What the node and its containers use, looked at when somebody asks.

How it works.  A rate needs two looks: the one before is kept, and the first question waits a second for its second look.
Nothing is sampled while nobody asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agent.runtime.words import Filesystem, Usage

SHORTEST, RENEWED, STALE = 1.0, 15.0, 60.0
"""Seconds between two looks: less is waited for, the earlier one is renewed then, and is of no more use then."""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """CPU seconds since the node's start, memory and disk in bytes, at `time` (seconds since 1970)."""

    time: float
    cpu_seconds: float
    memory: int
    memory_total: int
    disk: int
    disk_total: int
    cpus: float


@dataclass(frozen=True, slots=True)
class Look:
    node: NodeUse
    containers: Sequence[Usage]
    images: Sequence[Filesystem] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """Cores in use between two looks, by container id; `node` of them all."""

    node: float
    containers: dict[str, float]


def rates(before: Look, now: Look) -> Rates:
    earlier = {one.container_id: one for one in before.containers}
    found = {}
    for one in now.containers:
        old = earlier.get(one.container_id)
        if old is not None and one.time > old.time:
            found[one.container_id] = max(0.0, (one.cpu_seconds - old.cpu_seconds) / (one.time - old.time))
    seconds = max(now.node.time - before.node.time, 1e-3)
    return Rates(max(0.0, (now.node.cpu_seconds - before.node.cpu_seconds) / seconds), found)


@dataclass
class Sampler:
    """`look` asks node and runtime."""

    look: Callable[[], Awaitable[Look]]
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    _before: Look | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def now(self) -> tuple[Look, Rates]:
        async with self._one_at_a_time:
            now = await self.look()
            before = self._before
            if before is None or now.node.time - before.node.time > STALE:
                before = self._before = now
            if now.node.time - before.node.time < SHORTEST:
                await self.wait(SHORTEST)
                now = await self.look()
            if now.node.time - before.node.time >= RENEWED:
                self._before = now
            return now, rates(before, now)
