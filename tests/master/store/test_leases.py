"""Leases: keys that die together, when nobody renews."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from master.store.contract import (
    EventType,
    LeaseExistsError,
    LeaseInfo,
    LeaseNotFoundError,
    Put,
    Range,
    Store,
    Txn,
)


async def put(store: Store, key: bytes, lease: int, **options: bool) -> None:
    await store.txn(Txn((), [Put(key, b"v", lease, **options)]))


async def keys(store: Store) -> list[bytes]:
    return [kv.key for kv in (await store.range(Range(b"a", b"\0"))).kvs]


async def test_grant_and_look(store: Store, clock: Any) -> None:
    lease = await store.lease_grant(10)
    await put(store, b"b", lease)
    await put(store, b"a", lease)
    clock.advance(4)
    assert await store.lease_info(lease) == LeaseInfo(lease, 10, 6, [b"a", b"b"])
    assert await store.lease_keepalive(lease) == 10
    assert (await store.lease_info(lease)).remaining == 10
    assert await store.leases() == [lease]


async def test_taken_number(store: Store) -> None:
    assert await store.lease_grant(10, 7) == 7
    with pytest.raises(LeaseExistsError):
        await store.lease_grant(10, 7)


async def test_revoke_deletes_its_keys_in_one_revision(store: Store) -> None:
    lease, other = await store.lease_grant(10), await store.lease_grant(10)
    for key, held in ((b"a", lease), (b"b", lease), (b"c", other), (b"d", lease)):
        await put(store, key, held)
    await put(store, b"d", 0)
    watch = await store.watch(b"a", b"\0")
    await store.lease_revoke(lease)
    revision, events = await anext(aiter(watch))
    assert [(event.type, event.kv.key) for event in events] == [(EventType.DELETE, b"a"), (EventType.DELETE, b"b")]
    assert (revision, store.revision) == (7, 7)
    assert await keys(store) == [b"c", b"d"]


async def test_expiry_revokes(store: Store, clock: Any) -> None:
    short, long = await store.lease_grant(5), await store.lease_grant(50)
    await put(store, b"a", short)
    await put(store, b"b", long)
    watch = await store.watch(b"a", b"\0")
    clock.advance(4)
    await store.lease_keepalive(long)
    clock.advance(2)
    with pytest.raises(LeaseNotFoundError):
        await store.lease_keepalive(short)
    _, (event,) = await asyncio.wait_for(anext(aiter(watch)), 10)
    assert event.kv.key == b"a"
    assert await keys(store) == [b"b"]


async def test_kept_alive_lease_outlives_its_first_deadline(store: Store, clock: Any) -> None:
    lease = await store.lease_grant(5)
    for _ in range(3):
        clock.advance(4)
        await store.lease_keepalive(lease)
    assert (await store.lease_info(lease)).remaining == 5


async def test_unknown_lease(store: Store) -> None:
    for call in (store.lease_revoke, store.lease_keepalive, store.lease_info):
        with pytest.raises(LeaseNotFoundError):
            await call(9)


async def test_put_after_revoke_in_the_same_moment_is_refused(store: Store) -> None:
    lease = await store.lease_grant(5)
    before, _, after = await asyncio.gather(
        put(store, b"a", lease), store.lease_revoke(lease), put(store, b"b", lease), return_exceptions=True
    )
    assert before is None
    assert isinstance(after, LeaseNotFoundError)
    assert await keys(store) == []


async def test_put_may_keep_the_lease(store: Store) -> None:
    lease = await store.lease_grant(5)
    await put(store, b"a", lease)
    await put(store, b"a", 0, ignore_lease=True)
    assert (await store.lease_info(lease)).keys == [b"a"]
    await put(store, b"a", 0)
    assert (await store.lease_info(lease)).keys == []
