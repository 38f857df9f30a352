"""Several objects of a kind written together: all of them, each at the revision it was read at, or none.

For the server's own counts (what a namespace has used of its quotas), where one write more or less would be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kube.kinds import Kind
from master.api.cache import Cache
from master.api.entries import Entry, attributes_of
from master.api.outages import UNANSWERED, unanswered
from master.store.contract import Compare, Put, Store, Target, Txn

Object = dict[str, Any]


class Transactions:
    def __init__(self, store: Store, cache: Cache) -> None:
        self._store = store
        self._cache = cache

    async def read(self, kind: Kind, namespace: str) -> list[Entry]:
        """All of the kind in the namespace, as fresh as the store."""
        await self._cache.fresh()
        return list(self._cache.collection(kind).slice(namespace)[0])

    async def replace(self, changed: Sequence[tuple[Entry, Object]]) -> bool:
        """False when any of them was written by another since it was read; then nothing is stored."""
        compares, puts = [], []
        for entry, obj in changed:
            kind = entry.shape.kind
            key = kind.storage_key(entry.namespace, entry.name).encode()
            data = entry.shape.encode(obj)
            self._cache.expect(key, data, entry.shape.tail(data), attributes_of(kind, obj))
            compares.append(Compare(key, Target.MOD, "=", entry.revision))
            puts.append(Put(key, data))
        try:
            result = await self._store.txn(Txn(compares, puts))
        except UNANSWERED as error:
            raise unanswered(error, "write") from error
        if not result.succeeded:
            for put in puts:
                self._cache.forget(put.key)
            await self._cache.reach(result.revision)
        return result.succeeded
