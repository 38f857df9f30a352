"""Snapshots of a live store: when they are due, what their child process finds, and the note that it leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from master.store.contract import Put, Range, Txn
from master.store.snapshots import snapshots_of
from master.store.sqlite import SqliteStore
from master.store.sqlite.notes import noted_damage, reports
from master.store.sqlite.snapshotting import LEAST_WAIT, Snapshotting, take, wait

HOUR = 3600.0
DUE = {
    "never made": (None, LEAST_WAIT),
    "just made": (10_000.0, HOUR),
    "half way": (10_000.0 - HOUR / 2, HOUR / 2),
    "long ago": (0.0, LEAST_WAIT),
    "made in what is the future now": (20_000.0, LEAST_WAIT),
}


@pytest.mark.parametrize(("made", "expected"), DUE.values(), ids=DUE.keys())
def test_wait(made: float | None, expected: float) -> None:
    assert wait(10_000.0, made, HOUR) == expected


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def test_an_unchanged_store_gets_no_second_one(path: Path) -> None:
    store = SqliteStore.open(path)
    await store.txn(Txn((), [Put(b"a", b"1")]))
    first = take(path)
    assert first is not None
    os.utime(first, (1, 1))
    assert take(path) is None
    assert first.stat().st_mtime > 1
    await store.txn(Txn((), [Put(b"a", b"2")]))
    assert take(path) not in (None, first)
    await store.close()


async def test_a_child_takes_it_beside_the_open_store_and_tells_damage_that_the_next_start_mends(path: Path) -> None:
    told: list[str] = []

    async def tell(what: str) -> None:
        told.append(what)

    store = SqliteStore.open(path)
    await store.txn(Txn((), [Put(b"good", b"kept"), Put(b"bad", b"spoiled" * 20)]))
    snapshotting = Snapshotting(path, HOUR, tell)
    await snapshotting.once()
    (taken,) = snapshots_of(path).newest_first()
    assert not told
    await store.txn(Txn((), [Put(b"good", b"later")]))
    await store.close()
    path.write_bytes(path.read_bytes().replace(b"spoiled" * 20, b"Spoiled" * 20))
    await snapshotting.once()
    assert told == ["key b'bad' at revision 2: the checksum is wrong"]
    assert snapshots_of(path).newest_first() == [taken]
    assert noted_damage(path) == told[0]
    again = SqliteStore.open(path)
    assert again.recovery is not None
    assert noted_damage(path) == ""
    assert "all of it up to revision 3" in reports(path)[0].read_text()
    values = {kv.key: kv.value for kv in (await again.range(Range(b"a", b"\0"))).kvs}
    assert values == {b"good": b"later", b"bad": b"spoiled" * 20}
    await again.close()
