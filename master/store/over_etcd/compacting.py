"""Compaction: every five minutes what was superseded before the last look is forgotten, by one of the masters.

How it works, in kube-apiserver's words, so that both may share an etcd: the version of the key `compact_rev_key` counts
the rounds.  Whoever raises it first in a round has the round; the others see a newer version and wait for the next.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from master.store.contract import (
    CompactedError,
    Compare,
    OutcomeUnknownError,
    Put,
    Range,
    RangeResult,
    StoreUnavailableError,
    Target,
    Txn,
    TxnResult,
)

log = logging.getLogger(__name__)

KEY = b"compact_rev_key"
INTERVAL = 300.0


class Compacted(Protocol):
    """The store, as far as its compaction goes."""

    async def txn(self, txn: Txn) -> TxnResult: ...
    async def compact(self, revision: int) -> None: ...


class Compacting:
    def __init__(self, store: Compacted, interval: float = INTERVAL) -> None:
        self._store = store
        self._interval = interval
        self._round = 0
        self._revision = 0
        """The store's at the last look: what may go at the next."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.look()
            except (StoreUnavailableError, OutcomeUnknownError, CompactedError) as error:
                log.info("compaction is put off: %s", error)

    async def look(self) -> None:
        """One round: ours, when nobody has begun it since the last look."""
        mine = Compare(KEY, Target.VERSION, "=", self._round)
        result = await self._store.txn(Txn([mine], [Put(KEY, str(self._revision).encode())], [Range(KEY)]))
        before, self._revision = self._revision, result.revision
        if not result.succeeded:
            self._round = _version(result)
            return
        self._round += 1
        if before:
            await self._store.compact(before)
            log.info("compacted revision=%d", before)


def _version(result: TxnResult) -> int:
    (found,) = result.results
    if not isinstance(found, RangeResult) or not found.kvs:
        return 0
    return found.kvs[0].version
