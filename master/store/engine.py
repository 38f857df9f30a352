"""The store over a log: takes requests in order, makes them durable in groups, publishes them.

How it works: requests wait in a queue.  One task takes all that wait, stages them one after another, each seeing those
before it, and hands their rows to the log as one batch: one fsync for all.  Then readers see the new revision, watchers
get the events, and the callers their answers, in the order of the requests.  If the log refuses the batch, all of it is
taken back and every caller in it is told why.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any

from master.store.clocks import Clock, SystemClock
from master.store.contract import (
    CompactedError,
    LeaseInfo,
    Range,
    RangeResult,
    StoreStatus,
    StoreUnavailableError,
    Txn,
    TxnResult,
)
from master.store.groups import Compaction, Grant, Group, Request, Revoke, attached
from master.store.history import read_history
from master.store.keyspace import Keyspace, bare
from master.store.leases import Leases
from master.store.log import Log
from master.store.retention import Retention
from master.store.spans import span
from master.store.upkeep import Upkeep
from master.store.watching import Hub, LogWatch

PURGED_ROWS = 500
RANGE_ROWS = 500


class LogStore:
    """Implements `contract.Store` over a `Log`."""

    def __init__(self, rows: Log, clock: Clock | None = None, retention: Retention | None = None) -> None:
        clock = clock or SystemClock()
        loaded = rows.load()
        self._log = rows
        self._keyspace = Keyspace(rows, loaded)
        self._garbage = deque(self._keyspace.compact(loaded.compact_revision))
        self._hub = Hub(self._keyspace.revision)
        self._leases = Leases(clock.now)
        for lease, ttl in loaded.leases.items():
            self._leases.add(lease, ttl)
        for key, version in loaded.versions:
            self._leases.attach(version.lease, (key,))
        self._upkeep = Upkeep(self, self._leases, clock, retention or Retention())
        self._waiting: deque[tuple[Request, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._reading = 0
        self._closed = False

    @property
    def revision(self) -> int:
        return self._keyspace.revision

    @property
    def compact_revision(self) -> int:
        return self._keyspace.compact_revision

    async def latest(self) -> int:
        return self.revision

    async def range(self, query: Range) -> RangeResult:
        """A long answer is read in slices, so that others get their turn; compaction purges nothing meanwhile."""
        self._check_open()
        now = self.revision
        found, more, count = self._keyspace.select(query, now)
        if query.keys_only:
            return RangeResult(bare(found), more, count, now)
        kvs = self._keyspace.kvs(found[:RANGE_ROWS])
        self._reading += 1
        try:
            for start in range(RANGE_ROWS, len(found), RANGE_ROWS):
                await asyncio.sleep(0)
                self._check_open()
                kvs += self._keyspace.kvs(found[start : start + RANGE_ROWS])
        finally:
            self._reading -= 1
        return RangeResult(kvs, more, count, now)

    async def txn(self, txn: Txn) -> TxnResult:
        result: TxnResult = await self._ask(txn)
        return result

    async def watch(
        self, key: bytes, end: bytes | None = None, from_revision: int = 0, *, queue: int = 1000
    ) -> LogWatch:
        self._check_open()
        start = from_revision or self.revision + 1
        if start < self.compact_revision:
            raise CompactedError(self.compact_revision)
        history = partial(read_history, self._keyspace, self._log)
        return LogWatch(self._hub, history, span(key, end), start, queue)

    async def compact(self, revision: int) -> None:
        await self._ask(Compaction(revision))

    async def lease_grant(self, ttl: int, lease: int = 0) -> int:
        number: int = await self._ask(Grant(lease, ttl))
        self._upkeep.reschedule()
        return number

    async def lease_revoke(self, lease: int) -> None:
        await self._ask(Revoke(lease))

    async def lease_keepalive(self, lease: int) -> int:
        return self._leases.renew(lease)

    async def lease_info(self, lease: int) -> LeaseInfo:
        held = self._leases.get(lease)
        keys = attached(self._keyspace, lease, held.keys, self.revision)
        return LeaseInfo(lease, held.ttl, self._leases.remaining(held), keys)

    async def leases(self) -> list[int]:
        return self._leases.numbers()

    async def status(self) -> StoreStatus:
        self._check_open()
        return self._log.status()

    async def defragment(self) -> None:
        self._check_open()
        while self._garbage:
            await self._ask(Txn((), ()))  # each group takes rows to purge along
        await self._log.defragment()

    async def close(self) -> None:
        """Finishes what waits, then ends the watches."""
        if self._closed:
            return
        self._closed = True
        await self._upkeep.stop()
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self._hub.close(StoreUnavailableError("the store is closed"))
        await self._log.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        self._upkeep.start()

    async def _ask(self, request: Request) -> Any:
        self._check_open()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((request, future))
        if self._committing is None:
            self._committing = loop.create_task(self._commit_waiting())
        return await future

    async def _commit_waiting(self) -> None:
        """Until nothing waits; rows to purge go along with the requests, and alone when there are none."""
        durable = True
        while self._waiting or (durable and self._purgeable):
            group = Group(self._keyspace, self._leases)
            while self._waiting and not group.full:
                group.add(*self._waiting.popleft())
            group.batch.purged = [self._garbage.popleft() for _ in range(self._purgeable)]
            durable = await self._commit(group)
        self._committing = None

    @property
    def _purgeable(self) -> int:
        return 0 if self._reading else min(PURGED_ROWS, len(self._garbage))

    async def _commit(self, group: Group) -> bool:
        try:
            if not group.batch.empty:
                await self._log.commit(group.batch)
        except Exception as error:  # told to every caller in the group
            self._garbage.extendleft(reversed(group.batch.purged))
            group.take_back(error)
            return False
        self._garbage.extend(group.publish(self._hub))
        self._upkeep.wrote()
        return True
