"""The store in memory: a real backend that forgets everything when its process ends."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import nullcontext

from master.store.clocks import Clock
from master.store.contract import StoreStatus
from master.store.engine import LogStore
from master.store.log import Batch, Loaded, Row
from master.store.retention import Retention


class MemoryLog:
    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._numbers: list[int] = []

    def load(self) -> Loaded:
        return Loaded([], {}, 0)

    async def commit(self, batch: Batch) -> None:
        for row in batch.rows:
            self._rows[row.number] = row
            self._numbers.append(row.number)
        if batch.purged:
            for number in batch.purged:
                del self._rows[number]
            self._numbers = list(self._rows)

    def value(self, key: bytes, number: int) -> bytes:
        return self._rows[number].value

    def rows(self, first: int, end: int, limit: int) -> list[Row]:
        low, high = bisect_left(self._numbers, first), bisect_left(self._numbers, end)
        return [self._rows[number] for number in self._numbers[low : min(high, low + limit)]]

    def snapshot(self) -> nullcontext[None]:
        return nullcontext()

    def status(self) -> StoreStatus:
        return StoreStatus(0, 0)

    async def defragment(self) -> None:
        """Nothing is on disk."""

    async def close(self) -> None:
        """Nothing is open."""


class MemoryStore(LogStore):
    def __init__(self, clock: Clock | None = None, retention: Retention | None = None) -> None:
        super().__init__(MemoryLog(), clock, retention)
