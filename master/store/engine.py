"""The store over a log: takes requests in order, makes them durable in groups, publishes them.

How it works: requests wait in a queue.  One task takes all that wait, stages them one after another, each seeing those
before it, and hands their rows to the log as one batch: one fsync for all.  Then readers see the new revision, watchers
get the events, and the callers their answers, in the order of the requests.  If the log refuses the batch, all of it is
taken back and every caller in it is told why.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from master.store.clocks import Clock, SystemClock, Timer
from master.store.contract import (
    CompactedError,
    DeleteRange,
    Event,
    FutureRevisionError,
    LeaseExistsError,
    LeaseInfo,
    LeaseNotFoundError,
    Range,
    RangeResult,
    StoreStatus,
    StoreUnavailableError,
    Txn,
    TxnResult,
)
from master.store.evaluating import evaluate
from master.store.index import revision_of, row_of
from master.store.keyspace import Keyspace, bare
from master.store.leases import Leases
from master.store.log import Batch, Log
from master.store.retention import Past, Retention
from master.store.spans import Span, span
from master.store.watching import Hub, LogWatch, Slice

log = logging.getLogger(__name__)

BATCH_REQUESTS = 256
BATCH_BYTES = 4 << 20
PURGED_ROWS = 500
HISTORY_ROWS = 500
RANGE_ROWS = 500
RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Grant:
    lease: int
    ttl: int


@dataclass(frozen=True, slots=True)
class Revoke:
    lease: int


@dataclass(frozen=True, slots=True)
class Compaction:
    revision: int


Request = Txn | Grant | Revoke | Compaction


@dataclass(slots=True)
class Staged:
    """A request that waits for the disk: its answer, its events, and how to undo what is not in the keyspace."""

    future: asyncio.Future[Any]
    result: Any = None
    revision: int = 0
    events: list[Event] = field(default_factory=list)
    undo: Callable[[], None] | None = None


class LogStore:
    """Implements `contract.Store` over a `Log`."""

    def __init__(self, rows: Log, clock: Clock | None = None, retention: Retention | None = None) -> None:
        self._clock = clock or SystemClock()
        self._log = rows
        loaded = rows.load()
        self._keyspace = Keyspace(rows, loaded)
        self._garbage = deque(self._keyspace.compact(loaded.compact_revision))
        self._hub = Hub(self._keyspace.revision)
        self._leases = Leases(self._clock.now)
        for lease, ttl in loaded.leases.items():
            self._leases.add(lease, ttl)
        for key, version in loaded.versions:
            self._leases.attach(version.lease, (key,))
        self._retention = retention or Retention()
        self._past = Past(self._retention)
        self._waiting: deque[tuple[Request, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._reading = 0
        self._closed = False

    @property
    def revision(self) -> int:
        return self._keyspace.revision

    @property
    def compact_revision(self) -> int:
        return self._keyspace.compact_revision

    async def range(self, query: Range) -> RangeResult:
        """A long answer is read in slices, so that others get their turn; compaction purges nothing meanwhile."""
        now = self.revision
        found, more, count = self._keyspace.select(query, now)
        if query.keys_only:
            return RangeResult(bare(found), more, count, now)
        kvs = self._keyspace.kvs(found[:RANGE_ROWS])
        self._reading += 1
        try:
            for start in range(RANGE_ROWS, len(found), RANGE_ROWS):
                await asyncio.sleep(0)
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
        return LogWatch(self._hub, self._history, span(key, end), start, queue)

    async def compact(self, revision: int) -> None:
        await self._ask(Compaction(revision))

    async def lease_grant(self, ttl: int, lease: int = 0) -> int:
        number: int = await self._ask(Grant(lease or secrets.randbits(62) + 1, ttl))
        return number

    async def lease_revoke(self, lease: int) -> None:
        await self._ask(Revoke(lease))

    async def lease_keepalive(self, lease: int) -> int:
        return self._leases.renew(lease)

    async def lease_info(self, lease: int) -> LeaseInfo:
        held = self._leases.get(lease)
        return LeaseInfo(lease, held.ttl, self._leases.remaining(held), self._keys_of(lease, held.keys, self.revision))

    async def leases(self) -> list[int]:
        return self._leases.numbers()

    async def status(self) -> StoreStatus:
        return self._log.status()

    async def defragment(self) -> None:
        self._check_open()
        await self._log.defragment()

    async def close(self) -> None:
        """Finishes what waits, then ends the watches."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._upkeep, self._committing):
            if task is not None:
                await asyncio.wait([task])
        self._hub.close(StoreUnavailableError("the store is closed"))
        await self._log.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if self._timer is None:
            self._schedule()

    async def _ask(self, request: Request) -> Any:
        self._check_open()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((request, future))
        if self._committing is None:
            self._committing = loop.create_task(self._commit_waiting())
        return await future

    async def _commit_waiting(self) -> None:
        durable = True
        while self._waiting or (self._garbage and durable and not self._reading):
            batch, staged = self._stage_waiting()
            try:
                if not batch.empty:
                    await self._log.commit(batch)
            except Exception as error:  # every caller in the batch gets it
                durable = False
                self._take_back(batch, staged, error)
            else:
                durable = True
                self._publish(batch, staged)
        self._committing = None

    def _stage_waiting(self) -> tuple[Batch, list[Staged]]:
        batch = Batch()
        staged: list[Staged] = []
        size = 0
        while self._waiting and len(staged) < BATCH_REQUESTS and size < BATCH_BYTES:
            request, future = self._waiting.popleft()
            if future.cancelled():
                continue
            try:
                entry = self._stage(request, Staged(future), batch)
            except Exception as error:  # the request's own fault, told to its caller
                future.set_exception(error)
            else:
                staged.append(entry)
                size += sum(len(event.kv.value) for event in entry.events)
        if not self._reading:
            batch.purged = [self._garbage.popleft() for _ in range(min(PURGED_ROWS, len(self._garbage)))]
        return batch, staged

    def _stage(self, request: Request, entry: Staged, batch: Batch) -> Staged:
        match request:
            case Txn():
                self._stage_txn(request, entry, batch)
            case Grant(lease, ttl):
                if lease in self._leases or lease in batch.granted:
                    raise LeaseExistsError(f"lease {lease:x} already exists")
                batch.granted[lease] = ttl
                entry.result = lease
            case Revoke(lease):
                self._stage_revoke(lease, entry, batch)
            case Compaction(revision):
                compacted = max(self.compact_revision, batch.compact_revision or 0)
                if revision <= compacted:
                    raise CompactedError(compacted)
                if revision > self.revision:
                    raise FutureRevisionError(f"revision {revision} is in the future, the newest is {self.revision}")
                batch.compact_revision = revision
        return entry

    def _stage_txn(self, txn: Txn, entry: Staged, batch: Batch) -> None:
        outcome = evaluate(self._keyspace, txn, self._leases)
        batch.rows += outcome.rows
        entry.result, entry.events, entry.revision = outcome.result, outcome.events, outcome.result.revision
        for row in outcome.rows:
            if row.lease:
                self._leases.attach(row.lease, (row.key,))

    def _stage_revoke(self, number: int, entry: Staged, batch: Batch) -> None:
        lease = self._leases.take(number)
        entry.undo = lambda: self._leases.put_back(lease)
        keys = self._keys_of(number, lease.keys, self._keyspace.head)
        if keys:
            self._stage_txn(Txn((), [DeleteRange(key) for key in keys]), entry, batch)
        batch.revoked.append(number)

    def _publish(self, batch: Batch, staged: list[Staged]) -> None:
        self._keyspace.commit()
        for lease, ttl in batch.granted.items():
            self._leases.add(lease, ttl)
        if batch.compact_revision:
            self._garbage.extend(self._keyspace.compact(batch.compact_revision))
        for entry in staged:
            if entry.events:
                self._hub.publish(entry.revision, entry.events)
            if not entry.future.done():
                entry.future.set_result(entry.result)
        if batch.granted:
            self._schedule()

    def _take_back(self, batch: Batch, staged: list[Staged], error: Exception) -> None:
        self._keyspace.take_back(batch.rows)
        self._garbage.extendleft(reversed(batch.purged))
        for entry in reversed(staged):
            if entry.undo is not None:
                entry.undo()
        for entry in staged:
            if not entry.future.done():
                entry.future.set_exception(error)
        log.error("batch refused requests=%d rows=%d: %s", len(staged), len(batch.rows), error)

    def _keys_of(self, lease: int, noted: set[bytes], revision: int) -> list[bytes]:
        found = ((key, self._keyspace.find(key, revision)) for key in noted)
        return sorted(key for key, version in found if version is not None and version.lease == lease)

    def _history(self, wanted: Span, first: int) -> Slice:
        """A slice of the past from revision `first` on, whole revisions only."""
        if first < self.compact_revision:
            raise CompactedError(self.compact_revision)
        limit, after = HISTORY_ROWS, self.revision + 1
        while True:
            rows = self._log.rows(row_of(first, 0), row_of(self.revision + 1, 0), limit)
            if len(rows) < limit:
                break
            after = revision_of(rows[-1].number)
            if after > first:
                rows = [row for row in rows if revision_of(row.number) < after]
                break
            limit *= 4
            after = self.revision + 1
        chosen = [row for row in rows if wanted.holds(row.key)]
        grouped = groupby(chosen, key=lambda row: revision_of(row.number))
        with self._log.snapshot():
            return Slice([(n, [row.event(self._keyspace.before(row)) for row in group]) for n, group in grouped], after)

    def _schedule(self) -> None:
        """Sets the timer for the next lease or the next look at retention, whichever is first."""
        if self._timer is not None:
            self._timer.cancel()
        wait = self._leases.wait()
        seconds = self._retention.interval if wait is None else min(wait, self._retention.interval)
        self._timer = self._clock.call_later(seconds, self._start_upkeep)

    def _start_upkeep(self) -> None:
        if self._upkeep is None or self._upkeep.done():
            self._upkeep = asyncio.get_running_loop().create_task(self._keep_up())

    async def _keep_up(self) -> None:
        """Revokes what has expired and compacts what retention lets go."""
        try:
            for lease in self._leases.expired():
                log.info("lease expired lease=%x", lease)
                await self._ask(Revoke(lease))
            horizon = self._past.horizon(self._clock.now(), self.revision)
            if horizon > self.compact_revision:
                await self._ask(Compaction(horizon))
        except (StoreUnavailableError, LeaseNotFoundError, CompactedError) as error:
            log.warning("upkeep is put off: %s", error)
            self._timer = self._clock.call_later(RETRY_SECONDS, self._start_upkeep)
        else:
            if not self._closed:
                self._schedule()
