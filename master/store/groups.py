"""One group of requests that become durable together: staged in order, then published or taken back as a whole."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from master.store.contract import (
    CompactedError,
    DeleteRange,
    Event,
    FutureRevisionError,
    LeaseExistsError,
    Txn,
)
from master.store.evaluating import evaluate
from master.store.keyspace import Keyspace
from master.store.leases import Leases
from master.store.log import Batch
from master.store.watching import Hub

log = logging.getLogger(__name__)

MOST_REQUESTS = 256
MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Grant:
    """Lease 0 lets the store choose."""

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


class Group:
    def __init__(self, keyspace: Keyspace, leases: Leases) -> None:
        self.batch = Batch()
        self._keyspace = keyspace
        self._leases = leases
        self._staged: list[Staged] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        return len(self._staged) >= MOST_REQUESTS or self._bytes >= MOST_BYTES

    def add(self, request: Request, future: asyncio.Future[Any]) -> None:
        """A request that cannot be made is told so at once and is not in the group."""
        if future.done():
            return
        entry = Staged(future)
        try:
            self._stage(request, entry)
        except Exception as error:  # the request's own fault, told to its caller
            future.set_exception(error)
        else:
            self._staged.append(entry)
            self._bytes += sum(len(event.kv.value) for event in entry.events)

    def publish(self, hub: Hub) -> list[int]:
        """Lets readers, watchers and callers know, in this order; returns the rows that nobody can read any more."""
        self._keyspace.commit()
        for lease, ttl in self.batch.granted.items():
            self._leases.add(lease, ttl)
        dropped = self._keyspace.compact(self.batch.compact_revision) if self.batch.compact_revision else []
        for entry in self._staged:
            if entry.events:
                hub.publish(entry.revision, entry.events)
            if not entry.future.done():
                entry.future.set_result(entry.result)
        return dropped

    def take_back(self, error: Exception) -> None:
        self._keyspace.take_back(self.batch.rows)
        for entry in reversed(self._staged):
            if entry.undo is not None:
                entry.undo()
        for entry in self._staged:
            if not entry.future.done():
                entry.future.set_exception(error)
        log.error("batch refused requests=%d rows=%d: %s", len(self._staged), len(self.batch.rows), error)

    def _stage(self, request: Request, entry: Staged) -> None:
        match request:
            case Txn():
                self._stage_txn(request, entry)
            case Grant():
                self._stage_grant(request, entry)
            case Revoke():
                self._stage_revoke(request, entry)
            case Compaction():
                self._stage_compaction(request.revision)

    def _stage_txn(self, txn: Txn, entry: Staged) -> None:
        outcome = evaluate(self._keyspace, txn, self._leases)
        self.batch.rows += outcome.rows
        entry.result, entry.events, entry.revision = outcome.result, outcome.events, outcome.result.revision
        for row in outcome.rows:
            if row.lease:
                self._leases.attach(row.lease, (row.key,))

    def _stage_grant(self, grant: Grant, entry: Staged) -> None:
        lease = grant.lease or secrets.randbits(62) + 1
        if lease in self._leases or lease in self.batch.granted:
            raise LeaseExistsError(f"lease {lease:x} already exists")
        self.batch.granted[lease] = grant.ttl
        entry.result = lease

    def _stage_revoke(self, revoke: Revoke, entry: Staged) -> None:
        lease = self._leases.take(revoke.lease)
        entry.undo = lambda: self._leases.put_back(lease)
        keys = attached(self._keyspace, revoke.lease, lease.keys, self._keyspace.head)
        if keys:
            self._stage_txn(Txn((), [DeleteRange(key) for key in keys]), entry)
        self.batch.revoked.append(revoke.lease)

    def _stage_compaction(self, revision: int) -> None:
        compacted = max(self._keyspace.compact_revision, self.batch.compact_revision or 0)
        if revision <= compacted:
            raise CompactedError(compacted)
        newest = self._keyspace.revision
        if revision > newest:
            raise FutureRevisionError(f"revision {revision} is in the future, the newest is {newest}")
        self.batch.compact_revision = revision


def attached(keyspace: Keyspace, lease: int, noted: set[bytes], revision: int) -> list[bytes]:
    """Those of the `noted` keys that belong to the lease at `revision`."""
    found = ((key, keyspace.find(key, revision)) for key in noted)
    return sorted(key for key, version in found if version is not None and version.lease == lease)
