"""Masters that come, go and die over one store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from master.api.presence import PREFIX, TTL, Presence
from master.store.contract import Range
from master.store.memory import MemoryStore


class Publications:
    def __init__(self) -> None:
        self.all: list[tuple[str, ...]] = []

    async def __call__(self, addresses: tuple[str, ...]) -> None:
        self.all.append(addresses)


class Master:
    """One master's presence, its own address changeable."""

    def __init__(self, store: MemoryStore, *addresses: str) -> None:
        self.addresses = addresses
        self.published = Publications()
        self.presence = Presence(store, lambda: self.addresses, self.published)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    made = MemoryStore()
    yield made
    await made.close()


async def test_each_publishes_all(store: MemoryStore) -> None:
    one, two = Master(store, "192.0.2.1"), Master(store, "192.0.2.2", "198.51.100.2")
    for master in (one, two, one):
        await master.presence.once()
    assert one.published.all == [("192.0.2.1",), ("192.0.2.1", "192.0.2.2", "198.51.100.2")]
    assert two.published.all == one.published.all[1:]


async def test_nothing_is_written_while_nothing_changes(store: MemoryStore) -> None:
    one = Master(store, "192.0.2.1")
    await one.presence.once()
    before = store.revision
    await one.presence.once()
    assert (store.revision, len(one.published.all)) == (before, 1)


async def test_one_that_leaves_is_no_endpoint_any_more(store: MemoryStore) -> None:
    one, two = Master(store, "192.0.2.1"), Master(store, "192.0.2.2")
    for master in (one, two):
        await master.presence.once()
    await two.presence.leave()
    await two.presence.leave()
    await one.presence.once()
    assert one.published.all[-1] == ("192.0.2.1",)


async def test_one_that_was_taken_for_dead_comes_back(store: MemoryStore) -> None:
    one = Master(store, "192.0.2.1")
    await one.presence.once()
    for lease in await store.leases():
        await store.lease_revoke(lease)
    assert await one.presence.masters() == ()
    await one.presence.once()
    assert await one.presence.masters() == ("192.0.2.1",)


async def test_a_master_that_moved_takes_its_old_address_along(store: MemoryStore) -> None:
    one = Master(store, "192.0.2.1")
    await one.presence.once()
    one.addresses = ("192.0.2.9",)
    await one.presence.once()
    assert one.published.all == [("192.0.2.1",), ("192.0.2.9",)]


async def test_what_is_said_ends_with_a_master_that_dies(store: MemoryStore) -> None:
    await Master(store, "192.0.2.1").presence.once()
    (kv,) = (await store.range(Range(PREFIX, PREFIX[:-1] + b"0"))).kvs
    assert (await store.lease_info(kv.lease)).ttl == TTL
