"""What the store does by itself: revokes leases that have expired and compacts what retention lets go."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from master.store.clocks import Clock, Timer
from master.store.contract import CompactedError, LeaseNotFoundError, StoreUnavailableError
from master.store.leases import Leases
from master.store.retention import Past, Retention

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0


class Kept(Protocol):
    """The store, as far as its upkeep goes."""

    @property
    def revision(self) -> int: ...
    @property
    def compact_revision(self) -> int: ...
    async def lease_revoke(self, lease: int) -> None: ...
    async def compact(self, revision: int) -> None: ...


class Upkeep:
    def __init__(self, store: Kept, leases: Leases, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._leases = leases
        self._clock = clock
        self._interval = retention.interval
        self._most = retention.most
        self._past = Past(retention)
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def start(self) -> None:
        """Does nothing when it is running already; needs a running loop."""
        if self._timer is None:
            self.reschedule()

    def wrote(self) -> None:
        """Told after each commit, so that a burst of writes does not fill the memory with history."""
        if self._store.revision - self._store.compact_revision > self._most:
            self._wake()

    def reschedule(self) -> None:
        """Sets the timer for the next lease or the next look at the past, whichever is first."""
        wait = self._leases.wait()
        self._set_timer(self._interval if wait is None else min(wait, self._interval))

    async def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._stopped:
            return
        self._timer = self._clock.call_later(seconds, self._wake)

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            await self._revoke_expired()
            await self._compact()
        except StoreUnavailableError as error:
            log.warning("upkeep is put off: %s", error)
            self._set_timer(RETRY_SECONDS)
        else:
            self.reschedule()

    async def _revoke_expired(self) -> None:
        for lease in self._leases.expired():
            try:
                await self._store.lease_revoke(lease)
            except LeaseNotFoundError:
                log.debug("lease was revoked meanwhile lease=%x", lease)
            else:
                log.info("lease expired lease=%x", lease)

    async def _compact(self) -> None:
        horizon = self._past.horizon(self._clock.now(), self._store.revision)
        if horizon > self._store.compact_revision:
            try:
                await self._store.compact(horizon)
            except CompactedError as error:
                log.debug("compacted meanwhile: %s", error)
