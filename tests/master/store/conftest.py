"""Stores for one suite: every test that asks for `store` runs over every backend, by a clock it moves itself."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import pytest

from master.store.engine import LogStore
from master.store.memory import MemoryStore
from master.store.retention import Retention
from master.store.sqlite import SqliteStore

RETENTION = Retention(seconds=300, revisions=1000, interval=30)


class ManualTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class ManualClock:
    """Stands still until `advance`."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(call)
        heapq.heappush(self._timers, (self._now + seconds, next(self._numbers), timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()
        self._now = end


class OpenStore(Protocol):
    def __call__(self, backend: str) -> LogStore: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_store(clock: ManualClock, tmp_path: Path) -> OpenStore:
    """Opens a store by its backend's name; the sqlite one is the same file each time."""

    def open_it(backend: str) -> LogStore:
        if backend == "memory":
            return MemoryStore(clock, RETENTION)
        return SqliteStore.open(tmp_path / "store.db", clock=clock, retention=RETENTION)

    return open_it


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, open_store: OpenStore) -> AsyncIterator[LogStore]:
    opened = open_store(request.param)
    yield opened
    await asyncio.wait_for(opened.close(), 10)
