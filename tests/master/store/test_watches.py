"""Watches: every revision once, in order, from any that is retained; those too slow are ended, never cheated."""

from __future__ import annotations

import asyncio

import pytest

from master.store.contract import (
    CompactedError,
    DeleteRange,
    Event,
    EventType,
    KeyValue,
    Put,
    Range,
    SlowWatcherError,
    Store,
    StoreUnavailableError,
    Txn,
    Watch,
)


async def put(store: Store, *keys: bytes) -> None:
    await store.txn(Txn((), [Put(key, b"v") for key in keys]))


async def take(watch: Watch, count: int) -> list[tuple[int, list[bytes]]]:
    """The next `count` revisions and their keys."""
    reader = aiter(watch)
    taken = [await asyncio.wait_for(anext(reader), 10) for _ in range(count)]
    return [(revision, [event.kv.key for event in events]) for revision, events in taken]


async def test_events_are_queued_before_the_writer_goes_on(store: Store) -> None:
    watch = await store.watch(b"a")
    await put(store, b"a")
    await store.txn(Txn((), [DeleteRange(b"a")]))
    first, second = [await anext(aiter(watch)) for _ in range(2)]
    made = KeyValue(b"a", b"v", 2, 2, 1)
    assert first == (2, [Event(EventType.PUT, made)])
    assert second == (3, [Event(EventType.DELETE, KeyValue(b"a", b"", 0, 3, 0), made)])


async def test_events_of_a_txn_come_together(store: Store) -> None:
    watch = await store.watch(b"a", b"c")
    await put(store, b"b", b"a", b"c")
    await put(store, b"c")
    await put(store, b"a")
    assert await take(watch, 2) == [(2, [b"b", b"a"]), (4, [b"a"])]


@pytest.mark.parametrize("start", [1, 2, 300, 1200, 1203])
async def test_past_then_present_without_gap_or_repeat(store: Store, start: int) -> None:
    await asyncio.gather(*(put(store, b"k%d" % number) for number in range(1200)))
    watch = await store.watch(b"k", b"l", start)
    writing = asyncio.gather(*(put(store, b"k%d" % number) for number in range(1200, 1300)))
    first = max(2, start)
    seen = await take(watch, 1302 - first)
    await writing
    assert [revision for revision, _ in seen] == list(range(first, 1302))


async def test_past_has_previous_states(store: Store) -> None:
    await put(store, b"a")
    await put(store, b"a")
    watch = await store.watch(b"a", None, 3)
    _, (event,) = await anext(aiter(watch))
    assert event.prev_kv == KeyValue(b"a", b"v", 2, 2, 1)


async def test_large_txn_in_the_past_comes_whole(store: Store) -> None:
    keys = [b"k%04d" % number for number in range(1100)]
    await put(store, b"k")
    await put(store, *keys)
    await put(store, b"k")
    watch = await store.watch(b"k", b"l", 2)
    assert await take(watch, 3) == [(2, [b"k"]), (3, keys), (4, [b"k"])]


async def test_future_start_waits(store: Store) -> None:
    watch = await store.watch(b"a", None, 4)
    for _ in range(3):
        await put(store, b"a")
    assert await take(watch, 1) == [(4, [b"a"])]


async def test_slow_watcher_is_ended_after_what_it_has(store: Store) -> None:
    watch = await store.watch(b"a", queue=2)
    for _ in range(3):
        await put(store, b"a")
    assert await take(watch, 2) == [(2, [b"a"]), (3, [b"a"])]
    with pytest.raises(SlowWatcherError):
        await take(watch, 1)


async def test_compacted_start_is_refused(store: Store) -> None:
    for _ in range(4):
        await put(store, b"a")
    await store.compact(4)
    with pytest.raises(CompactedError) as refused:
        await store.watch(b"a", None, 3)
    assert refused.value.compact_revision == 4
    assert await take(await store.watch(b"a", None, 4), 2) == [(4, [b"a"]), (5, [b"a"])]


async def test_compaction_ends_a_watch_that_has_not_caught_up(store: Store) -> None:
    for _ in range(4):
        await put(store, b"a")
    watch = await store.watch(b"a", None, 2)
    await store.compact(4)
    with pytest.raises(CompactedError):
        await take(watch, 1)


async def test_progress_comes_behind_the_events(store: Store) -> None:
    await put(store, b"a")
    watch = await store.watch(b"a", None, 2)
    watch.progress()
    assert await take(watch, 2) == [(2, [b"a"]), (2, [])]
    await put(store, b"other")
    watch.progress()
    watch.progress()
    await put(store, b"a")
    assert await take(watch, 2) == [(3, []), (4, [b"a"])]


async def test_closed_watch_ends(store: Store) -> None:
    watch = await store.watch(b"a")
    waiting = asyncio.create_task(take(watch, 1))
    await asyncio.sleep(0)
    await watch.close()
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(watch))
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], Exception)
    await put(store, b"a")


async def test_closing_the_store_ends_watches_of_the_past_and_long_reads(store: Store) -> None:
    await put(store, *(b"k%d" % number for number in range(1500)))
    watch = await store.watch(b"k", b"l", 1)
    reading = asyncio.create_task(store.range(Range(b"k", b"l")))
    await asyncio.sleep(0)
    await store.close()
    for waiting in (take(watch, 1), reading):
        with pytest.raises(StoreUnavailableError):
            await waiting


async def test_closing_the_store_ends_its_watches(store: Store) -> None:
    watch = await store.watch(b"a")
    await put(store, b"a")
    await store.close()
    assert await take(watch, 1) == [(2, [b"a"])]
    with pytest.raises(StoreUnavailableError):
        await take(watch, 1)
    with pytest.raises(StoreUnavailableError):
        await put(store, b"a")
