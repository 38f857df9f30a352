"""Compaction: what can no longer be read, what still can, and when it happens by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from master.store.contract import CompactedError, DeleteRange, FutureRevisionError, Put, Range, Store, Txn


async def put(store: Store, key: bytes, value: bytes = b"v") -> None:
    await store.txn(Txn((), [Put(key, value)]))


async def values(store: Store, revision: int) -> list[bytes]:
    return [kv.value for kv in (await store.range(Range(b"a", b"\0", revision=revision))).kvs]


async def test_reads_at_and_after_the_mark(store: Store) -> None:
    for value in (b"2", b"3", b"4"):
        await put(store, b"a", value)
    await store.txn(Txn((), [DeleteRange(b"a")]))
    await store.compact(3)
    assert store.compact_revision == 3
    with pytest.raises(CompactedError):
        await values(store, 2)
    assert [await values(store, revision) for revision in (3, 4, 5, 0)] == [[b"3"], [b"4"], [], []]


async def test_mark_only_moves_forward_and_not_beyond_now(store: Store) -> None:
    for _ in range(3):
        await put(store, b"a")
    await store.compact(3)
    for revision, error in ((2, CompactedError), (3, CompactedError), (5, FutureRevisionError)):
        with pytest.raises(error):
            await store.compact(revision)


async def test_key_made_again_after_compaction(store: Store) -> None:
    await put(store, b"a")
    await store.txn(Txn((), [DeleteRange(b"a")]))
    await store.compact(3)
    await put(store, b"a")
    (kv,) = (await store.range(Range(b"a"))).kvs
    assert (kv.create_revision, kv.version) == (4, 1)


async def compacted(store: Store, revision: int) -> None:
    async with asyncio.timeout(10):
        while store.compact_revision < revision:
            await asyncio.sleep(0)


async def test_old_history_goes_by_itself(store: Store, clock: Any) -> None:
    for _ in range(3):
        await put(store, b"a")
    for _ in range(10):
        clock.advance(30)
        await asyncio.sleep(0)
    await put(store, b"a")
    clock.advance(60)
    await compacted(store, 4)
    assert store.compact_revision == 4


async def test_long_history_goes_by_itself(store: Store, clock: Any) -> None:
    await asyncio.gather(*(put(store, b"a") for _ in range(1100)))
    clock.advance(30)
    await compacted(store, 101)
    assert store.compact_revision == 101


async def test_burst_of_writes_does_not_wait_for_the_clock(store: Store) -> None:
    await asyncio.gather(*(put(store, b"a") for _ in range(3000)))
    await compacted(store, 1750)
    assert store.revision - store.compact_revision <= 1250


async def test_long_reads_are_not_disturbed(store: Store) -> None:
    for value in (b"old", b"new"):
        await store.txn(Txn((), [Put(b"k%04d" % number, value) for number in range(1500)]))
    reading = asyncio.create_task(values(store, 2))
    await asyncio.sleep(0)
    await store.compact(3)
    await put(store, b"k0000")
    assert await reading == [b"old"] * 1500
