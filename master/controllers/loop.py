"""The loop that every controller shares: take a key, reconcile it, come back later if asked or if it failed.

Contract: `reconcile(key)` reads the present and closes the gap; it returns seconds after which to look again, or None.
Whatever it raises is logged with its key and retried with back-off; one bad object stops nobody.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any

from kube.errors import ApiError, words_of
from kube.informers import LINK_FAILURES
from master.controllers.queue import WorkQueue

log = logging.getLogger(__name__)

Reconcile = Callable[[Any], Awaitable[float | None]]
SOONEST = 0.05
"""Seconds before a key may ask to be looked at again: one that is always due would otherwise spin."""
EXPECTED = frozenset((404, 409))
"""Refusals that only say that the view was old: someone else was faster."""


class Loop:
    """`sweep()` names all keys; they are looked at anew each `period` seconds, as at the start."""

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        sweep: Callable[[], Iterable[Hashable]] | None = None,
        period: float = 600.0,
        workers: int = 4,
    ) -> None:
        self.name = name
        self._reconcile, self._sweep, self._period, self._workers = reconcile, sweep, period, workers
        self._queue = WorkQueue(time.monotonic, random.Random())

    def add(self, key: Hashable) -> None:
        self._queue.add(key)

    def add_after(self, key: Hashable, seconds: float) -> None:
        self._queue.add_after(key, seconds)

    async def run(self) -> None:
        """Work until cancelled; call it when the informers are in."""
        async with asyncio.TaskGroup() as group:
            if self._sweep is not None:
                group.create_task(self._sweeping(self._sweep))
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _sweeping(self, sweep: Callable[[], Iterable[Hashable]]) -> None:
        while True:
            for key in sweep():
                self._queue.add(key)
            await asyncio.sleep(self._period)

    async def _work(self) -> None:
        while True:
            key = self._queue.take()
            if key is None:
                await self._idle()
            else:
                await self._once(key)
                await asyncio.sleep(0)  # A reconcile that waited for nothing has kept everybody else from running.

    async def _idle(self) -> None:
        self._queue.changed.clear()
        try:
            async with asyncio.timeout(self._queue.next_wake()):
                await self._queue.changed.wait()
        except TimeoutError:
            return

    async def _once(self, key: Hashable) -> None:
        failed = True
        try:
            again = await self._reconcile(key)
            failed = False
            if again is not None:
                self._queue.add_after(key, max(again, SOONEST))
        except ApiError as error:
            level = logging.DEBUG if error.status in EXPECTED else logging.WARNING
            log.log(level, "reconcile refused controller=%s key=%s error=%s", self.name, key, error)
        except LINK_FAILURES as error:
            log.info("reconcile cut off controller=%s key=%s error=%s", self.name, key, words_of(error))
        except Exception:
            log.exception("reconcile failed controller=%s key=%s", self.name, key)
        finally:
            self._queue.done(key, failed)
