"""A damaged store: put aside, the newest good state restored, and the revision never goes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from master.store.contract import CompactedError, DamagedError, Put, Range, StoreFileError, Txn
from master.store.dumps import State
from master.store.snapshots import snapshots_of
from master.store.sqlite import SqliteStore
from master.store.sqlite.files import PAGE_SIZE
from master.store.sqlite.reading import open_state

KEYS = 100


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def put(store: SqliteStore, *keys: bytes, value: bytes = b"x" * 1000) -> None:
    await asyncio.gather(*(store.txn(Txn((), [Put(key, value)])) for key in keys))


async def keys(store: SqliteStore) -> set[bytes]:
    return {kv.key for kv in (await store.range(Range(b"a", b"\0"))).kvs}


def snapshot(path: Path) -> None:
    with open_state(path) as state:
        snapshots_of(path).add(state)


async def filled(path: Path) -> SqliteStore:
    store = SqliteStore.open(path)
    await put(store, *(b"k%03d" % number for number in range(KEYS)))
    return store


def overwrite(path: Path, first_page: int, pages: int) -> None:
    with path.open("r+b") as file:
        file.seek(first_page * PAGE_SIZE)
        file.write(b"\xa5" * PAGE_SIZE * pages)


def truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGE = {
    "every page": lambda path: overwrite(path, 1, path.stat().st_size // PAGE_SIZE - 1),
    "cut short": lambda path: truncate(path, 3 * PAGE_SIZE),
    "empty": lambda path: truncate(path, 0),
    "zeros": zero,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
async def test_destroyed_file_is_restored_from_the_snapshot(path: Path, damage: object) -> None:
    store = await filled(path)
    snapshot(path)
    watched = store.revision
    await put(store, b"later")
    await store.close()
    damage(path)  # type: ignore[operator]
    again = SqliteStore.open(path)
    assert again.recovery is not None
    assert "from the snapshot of revision 101" in again.recovery.restored
    assert len(await keys(again) - {b"later"}) == KEYS
    assert again.revision > watched + 1
    with pytest.raises(CompactedError):
        await again.watch(b"a", None, watched)
    await put(again, b"new")
    await again.close()
    once_more = SqliteStore.open(path)
    assert once_more.recovery is None
    assert b"new" in await keys(once_more)
    await once_more.close()


async def test_what_followed_the_snapshot_is_kept_where_it_can_be_read(path: Path) -> None:
    store = await filled(path)
    snapshot(path)
    await put(store, b"later")
    await store.close()
    overwrite(path, 5, 1)
    again = SqliteStore.open(path)
    assert again.recovery is not None
    assert again.recovery.restored == "from the snapshot of revision 101 and what followed it up to 102"
    assert len(await keys(again)) == KEYS + 1
    assert again.recovery.aside is not None
    assert again.recovery.aside.exists()
    await again.close()


async def test_damage_behind_the_last_compaction_needs_no_snapshot(path: Path) -> None:
    store = await filled(path)
    await store.compact(2)
    await store.close()
    overwrite(path, path.stat().st_size // PAGE_SIZE - 4, 1)
    again = SqliteStore.open(path)
    assert again.recovery is not None
    found = await keys(again)
    assert found == {b"k%03d" % number for number in range(len(found))}
    assert KEYS // 2 < len(found) < KEYS
    await again.close()


def spoil(path: Path, value: bytes) -> None:
    """One bit of each place where the value lies."""
    content = path.read_bytes()
    assert value in content
    path.write_bytes(content.replace(value, value[:-1] + bytes([value[-1] ^ 1])))


async def test_single_damaged_values_come_from_the_snapshot_and_all_else_from_the_file(path: Path) -> None:
    store = await filled(path)
    await put(store, b"same", value=b"unchanged" * 20)
    await put(store, b"older", value=b"first" * 20)
    snapshot(path)
    await put(store, b"older", value=b"second" * 20)
    await put(store, b"lost", value=b"never kept" * 20)
    await put(store, b"later", value=b"whole" * 20)
    await store.compact(store.revision)
    await store.close()
    for value in (b"unchanged", b"second", b"never kept"):
        spoil(path, value * 20)
    with pytest.raises(DamagedError), open_state(path) as state:
        list(state.rows)
    mended = SqliteStore.open(path, found="a value is damaged")
    assert mended.recovery is not None
    assert mended.recovery.restored == "all of it up to revision 106; older as a snapshot had them before; lost lost"
    values = {kv.key: kv.value for kv in (await mended.range(Range(b"a", b"\0"))).kvs}
    assert len(values) == KEYS + 3
    assert values[b"same"] == b"unchanged" * 20
    assert values[b"older"] == b"first" * 20
    assert values[b"later"] == b"whole" * 20
    await mended.close()


async def test_damaged_snapshot_is_passed_over(path: Path) -> None:
    store = await filled(path)
    snapshot(path)
    await put(store, b"later")
    snapshot(path)
    await store.close()
    truncate(snapshots_of(path).newest_first()[0], 100)
    zero(path)
    again = SqliteStore.open(path)
    assert len(await keys(again)) == KEYS
    await again.close()


async def test_without_any_good_state_it_is_refused_and_left_alone(path: Path) -> None:
    store = await filled(path)
    await store.close()
    overwrite(path, 1, path.stat().st_size // PAGE_SIZE - 1)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreFileError, match="is damaged: .*; there is no snapshot"):
            SqliteStore.open(path)
    assert path.read_bytes() == before


async def test_torn_wal_ends_where_it_is_torn(path: Path) -> None:
    store = await filled(path)
    wal = path.with_name("store.db-wal")
    files = {file: file.read_bytes() for file in (path, wal)}
    await store.close()
    for file, content in files.items():
        file.write_bytes(content)
    truncate(wal, len(files[wal]) - 2000)
    again = SqliteStore.open(path)
    assert again.recovery is None
    found = await keys(again)
    assert found == {b"k%03d" % number for number in range(len(found))}
    await again.close()


def test_three_snapshots_are_kept(path: Path) -> None:
    snapshots = snapshots_of(path)
    for revision in (5, 900, 70, 1_000_000_070):
        snapshots.add(State(revision))
    assert [int(one.stem) for one in snapshots.newest_first()] == [1_000_000_070, 900, 70]
