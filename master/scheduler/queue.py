"""Pods that wait for a node: ready ones by priority, those in back-off by time, unschedulable ones until something cures.

Pure but for the clock it is given.  A pod that failed n times waits 1, 2, 4 … 10 s before it is looked at again, and is
looked at only when something happened that may help, or after five minutes whatever happened.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from master.scheduler.decisions import Cure
from master.scheduler.pods import Key, Pod

FIRST_BACKOFF, MOST_BACKOFF = 1.0, 10.0
PATIENCE = 300.0


@dataclass(slots=True)
class _Entry:
    pod: Pod
    order: int
    attempts: int = 0
    not_before: float = 0.0
    since: float = 0.0
    cures: frozenset[Cure] = frozenset()


class Queue:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._entries: dict[Key, _Entry] = {}
        self._ready: list[tuple[int, int, Key]] = []
        self._later: list[tuple[float, int, Key]] = []
        self._unschedulable: dict[Key, _Entry] = {}
        self._by_cure: dict[Cure, dict[Key, _Entry]] = {cure: {} for cure in Cure}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, pod: Pod) -> None:
        """A new pod, or a new state of one that waits: a changed shape is looked at again at once."""
        entry = self._entries.get(pod.key)
        if entry is None:
            entry = self._entries[pod.key] = _Entry(pod, next(self._order))
            self._make_ready(entry)
            return
        wants_anew = entry.pod.shape is not pod.shape or entry.pod.uid != pod.uid
        entry.pod = pod
        if wants_anew and pod.key in self._unschedulable:
            self._free(pod.key)
            self._make_ready(entry)

    def remove(self, key: Key) -> None:
        if self._entries.pop(key, None) is not None and key in self._unschedulable:
            self._free(key)

    def pop(self) -> Pod | None:
        """The next pod to decide about; it stays known until `remove`, `retry` or `wait`."""
        self._wake_later()
        while self._ready:
            _priority, order, key = heapq.heappop(self._ready)
            entry = self._entries.get(key)
            if entry is not None and entry.order == order:
                return entry.pod
        return None

    def wait(self, key: Key, cures: frozenset[Cure]) -> None:
        """The pod fits nowhere until one of the cures."""
        entry = self._failed(key)
        if entry is not None:
            entry.cures = cures
            entry.since = self._clock()
            self._unschedulable[key] = entry
            for cure in cures:
                self._by_cure[cure][key] = entry

    def retry(self, key: Key) -> None:
        """The pod could not be bound: again after its back-off."""
        entry = self._failed(key)
        if entry is not None:
            self._delay(entry)

    def heal(self, cure: Cure) -> None:
        """Something happened: move those it may help."""
        for key in list(self._by_cure[cure]):
            self._delay(self._free(key))

    def sweep(self) -> None:
        """Move those that waited for long, whatever they wait for."""
        patient = self._clock() - PATIENCE
        for key in [key for key, entry in self._unschedulable.items() if entry.since < patient]:
            self._delay(self._free(key))

    def next_wake(self) -> float | None:
        """Seconds until a pod leaves its back-off."""
        return max(0.0, self._later[0][0] - self._clock()) if self._later else None

    def _free(self, key: Key) -> _Entry:
        entry = self._unschedulable.pop(key)
        for cure in entry.cures:
            self._by_cure[cure].pop(key, None)
        return entry

    def _failed(self, key: Key) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            backoff = min(MOST_BACKOFF, FIRST_BACKOFF * 2 ** min(entry.attempts, 10))
            entry.attempts += 1
            entry.not_before = self._clock() + backoff
        return entry

    def _delay(self, entry: _Entry) -> None:
        if entry.not_before <= self._clock():
            self._make_ready(entry)
        else:
            heapq.heappush(self._later, (entry.not_before, entry.order, entry.pod.key))

    def _wake_later(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            _when, order, key = heapq.heappop(self._later)
            entry = self._entries.get(key)
            if entry is not None and entry.order == order and key not in self._unschedulable:
                self._make_ready(entry)

    def _make_ready(self, entry: _Entry) -> None:
        heapq.heappush(self._ready, (-entry.pod.priority, entry.order, entry.pod.key))
