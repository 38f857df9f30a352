"""A queue of keys: each at most once, never worked on twice at the same time, later where it failed before.

Pure but for the clock and the random source it is given, and the event it sets when there is something to take.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Hashable

FIRST, MOST = 0.05, 60.0


class WorkQueue:
    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._ready: deque[Hashable] = deque()
        self._queued: set[Hashable] = set()
        self._working: set[Hashable] = set()
        self._again: set[Hashable] = set()
        self._failures: dict[Hashable, int] = {}
        self._later: list[tuple[float, int, Hashable]] = []
        self._due: dict[Hashable, float] = {}
        self._order = itertools.count()
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued) + len(self._due)

    def add(self, key: Hashable) -> None:
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self.changed.set()

    def add_after(self, key: Hashable, seconds: float) -> None:
        """At that time at the latest; an earlier appointment stays."""
        when = self._clock() + seconds
        if when < self._due.get(key, float("inf")):
            self._due[key] = when
            heapq.heappush(self._later, (when, next(self._order), key))
            self.changed.set()

    def take(self) -> Hashable | None:
        """A key to work on, to be given back by `done`."""
        self._wake()
        if not self._ready:
            return None
        key = self._ready.popleft()
        self._queued.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Hashable, failed: bool = False) -> None:
        self._working.discard(key)
        if failed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            backoff = min(MOST, FIRST * 2 ** min(failures - 1, 16))
            self.add_after(key, backoff * self._rng.uniform(0.5, 1.5))
        else:
            self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            if not failed:
                self.add(key)

    def next_wake(self) -> float | None:
        """Seconds until the next appointment; 0 when a key is ready."""
        if self._ready:
            return 0.0
        return max(0.0, self._later[0][0] - self._clock()) if self._later else None

    def _wake(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            when, _order, key = heapq.heappop(self._later)
            if self._due.get(key) == when:
                del self._due[key]
                self.add(key)
