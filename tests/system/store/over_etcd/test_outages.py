"""Members that die, hang or come back, others' writes and compactions: watches go on, answers are never stale."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from master.store.contract import (
    CompactedError,
    LeaseNotFoundError,
    OutcomeUnknownError,
    Put,
    Range,
    Store,
    StoreUnavailableError,
    Txn,
    Watch,
)
from master.store.over_etcd.compacting import KEY, Compacting
from master.store.over_etcd.opening import open_etcd
from master.store.over_etcd.store import EtcdStore
from tests.system.store.over_etcd.members import Member, cluster_of, running

UNSURE = (StoreUnavailableError, OutcomeUnknownError)


async def put(store: Store, key: bytes, value: bytes = b"v") -> int:
    return (await store.txn(Txn((), [Put(key, value)]))).revision


async def at_last(call: Callable[[], Awaitable[int]]) -> int:
    """As a client that comes again does."""
    async with asyncio.timeout(50):
        while True:
            try:
                return await call()
            except UNSURE:
                await asyncio.sleep(0.05)


async def put_at_last(store: Store, key: bytes) -> int:
    return await at_last(lambda: put(store, key))


async def revisions(watch: Watch, last: int) -> list[int]:
    """Of all events up to `last`."""
    found: list[int] = []
    async with asyncio.timeout(50):
        async for revision, events in watch:
            if events:
                found.append(revision)
            if revision >= last:
                return found
    return found


@pytest.fixture
async def hasty(member: Member) -> AsyncIterator[EtcdStore]:
    """One that soon gives up."""
    opened = await open_etcd([member.address], None, patience=1.0)
    yield opened
    await asyncio.wait_for(opened.close(), 10)


async def test_etcd_that_comes_back_ends_no_watch(hasty: EtcdStore, member: Member) -> None:
    store = hasty
    first = await put_at_last(store, b"a")
    watch = await store.watch(b"a", b"b", first)
    member.kill()
    with pytest.raises(UNSURE):
        await put(store, b"a")
    with pytest.raises(StoreUnavailableError):
        await store.latest()
    member.start()
    last = await put_at_last(store, b"a")
    assert await revisions(watch, last) == list(range(first, last + 1))


async def test_paused_member_makes_the_outcome_unknown(hasty: EtcdStore, member: Member) -> None:
    store = hasty
    await put_at_last(store, b"a")
    member.pause()
    with pytest.raises(OutcomeUnknownError):
        await put(store, b"a")
    member.go_on()
    assert await put_at_last(store, b"a") >= 3


async def test_start_without_etcd_is_told_and_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (absent,) = cluster_of(1, tmp_path)
    with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailableError, match="has not answered for 1 s"):
        await open_etcd([absent.address], None, wait=1.0, tell_every=0.1, patience=0.2)
    assert f"waiting for etcd at {absent.address}" in caplog.text


async def test_start_waits_for_etcd(tmp_path: Path) -> None:
    (late,) = cluster_of(1, tmp_path)
    opening = asyncio.create_task(open_etcd([late.address], None))
    try:
        await asyncio.sleep(0)
        late.start()
        store = await opening
        assert await at_last(store.latest) == 1
        await store.close()
    finally:
        late.kill()


async def test_others_writes_are_seen(store: EtcdStore, member: Member) -> None:
    other = await open_etcd([member.address], None, patience=30.0)
    written = await put(other, b"a")
    assert store.revision < written
    assert set(await asyncio.gather(*(store.latest() for _ in range(20)))) == {written}
    assert store.revision == written
    await other.close()


async def test_others_compaction_is_learned(store: EtcdStore, member: Member) -> None:
    other = await open_etcd([member.address], None, patience=30.0)
    for _ in range(4):
        await put(other, b"a")
    await other.compact(4)
    with pytest.raises(CompactedError) as refused:
        await store.range(Range(b"a", revision=2))
    assert refused.value.compact_revision == store.compact_revision == 4
    third = await open_etcd([member.address], None, patience=30.0)
    assert third.compact_revision == 4
    await third.close()
    await other.close()


async def test_masters_take_turns_to_compact(store: EtcdStore, member: Member) -> None:
    other = await open_etcd([member.address], None, patience=30.0)
    ours, theirs = Compacting(store), Compacting(other)
    await put(store, b"a")
    for each in (ours, theirs, ours, theirs, ours):
        await put(store, b"a")
        await each.look()
    (kv,) = (await store.range(Range(KEY))).kvs
    assert (kv.version, store.compact_revision) == (3, 7)
    await other.close()


async def test_lease_is_kept_alive(store: EtcdStore) -> None:
    lease = await store.lease_grant(3600)
    assert await store.lease_keepalive(lease) == 3600
    await store.lease_revoke(lease)
    with pytest.raises(LeaseNotFoundError):
        await store.lease_keepalive(lease)


async def test_marks_come_behind_the_events(store: EtcdStore) -> None:
    watch = await store.watch(b"a", None, 2)
    await put(store, b"a")
    await put(store, b"other")
    async with asyncio.timeout(50):
        seen = [await anext(watch)]
        while seen[-1][0] < 3:
            seen.append(await anext(watch))
    assert seen[0][1] and seen[-1] == (3, [])


async def test_space_and_defragmentation(store: EtcdStore) -> None:
    assert (await store.status()).size > 0
    await store.defragment()


@pytest.mark.parametrize("lost", ["killed", "paused"])
async def test_one_of_three_is_lost(tmp_path: Path, lost: str) -> None:
    """The one that we speak to: the next answers, and no event is missed or repeated."""
    async with running(3, tmp_path) as members:
        store = await open_etcd([member.address for member in members], None)
        first = await put_at_last(store, b"a")
        watch = await store.watch(b"a", b"b", first)
        (members[0].kill if lost == "killed" else members[0].pause)()
        last = await put_at_last(store, b"a")
        assert await revisions(watch, last) == list(range(first, last + 1))
        assert await at_last(store.latest) >= last
        await store.close()


async def test_without_a_quorum_nothing_is_written_or_read(tmp_path: Path) -> None:
    async with running(3, tmp_path) as members:
        store = await open_etcd([members[0].address], None, patience=1.0)
        await put_at_last(store, b"a")
        for member in members[1:]:
            member.kill()
        with pytest.raises(UNSURE):
            await put(store, b"a")
        with pytest.raises(StoreUnavailableError):
            await store.latest()
        members[1].start()
        assert await put_at_last(store, b"a") >= 3
        await store.close()
