"""The SQLite store's file: kept over restarts, refused when it is not ours, honest when the disk is full or damaged."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from master.store.contract import (
    CompactedError,
    DamagedError,
    DeleteRange,
    LeaseInfo,
    LeaseNotFoundError,
    Put,
    Range,
    StoreFileError,
    StoreUnavailableError,
    Txn,
)
from master.store.sqlite import SqliteStore
from master.store.sqlite.files import PAGE_SIZE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def put(store: SqliteStore, key: bytes, value: bytes = b"v", lease: int = 0) -> int:
    return (await store.txn(Txn((), [Put(key, value, lease)]))).revision


async def values(store: SqliteStore, revision: int = 0) -> dict[bytes, bytes]:
    return {kv.key: kv.value for kv in (await store.range(Range(b"a", b"\0", revision=revision))).kvs}


async def test_everything_is_there_after_a_restart(path: Path, clock: Any) -> None:
    store = SqliteStore.open(path, clock=clock)
    lease, gone = await store.lease_grant(60), await store.lease_grant(60)
    await put(store, b"a", b"1")
    await put(store, b"b", b"1", lease)
    await store.compact(3)
    await put(store, b"a", b"2")
    await store.txn(Txn((), [DeleteRange(b"b")]))
    await put(store, b"b", b"3", lease)
    await store.lease_revoke(gone)
    before = await store.range(Range(b"a", b"\0"))
    await store.close()

    again = SqliteStore.open(path, clock=clock)
    assert await again.range(Range(b"a", b"\0")) == before
    assert (again.revision, again.compact_revision) == (6, 3)
    assert await values(again, 3) == {b"a": b"1", b"b": b"1"}
    with pytest.raises(CompactedError):
        await values(again, 2)
    assert await again.lease_info(lease) == LeaseInfo(lease, 60, 60, [b"b"])
    with pytest.raises(LeaseNotFoundError):
        await again.lease_info(gone)
    watch = await again.watch(b"b", None, 4)
    assert [revision for revision, _ in [await anext(aiter(watch)) for _ in range(2)]] == [5, 6]
    assert await put(again, b"c") == 7
    await again.close()


async def test_revision_never_goes_back_when_the_newest_rows_are_purged(path: Path) -> None:
    store = SqliteStore.open(path)
    await put(store, b"a")
    await store.txn(Txn((), [DeleteRange(b"a")]))
    await put(store, b"b")
    await store.txn(Txn((), [DeleteRange(b"b")]))
    await store.compact(5)
    await store.close()
    again = SqliteStore.open(path)
    assert again.revision == 5
    await again.close()


async def test_purged_rows_leave_the_file(path: Path) -> None:
    store = SqliteStore.open(path)
    for _ in range(20):
        await asyncio.gather(*(put(store, b"k%d" % number, b"x" * 2000) for number in range(100)))
    full = await store.status()
    await store.compact(store.revision)
    await store.defragment()
    left = await store.status()
    assert left.size < full.size // 10
    assert left.in_use == left.size
    assert len(await values(store)) == 100
    await store.close()


def make_database(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


FOREIGN = {
    "text": (lambda path: path.write_text("hello " * 100), "is not a wherry store: it is not an SQLite file"),
    "short": (lambda path: path.write_bytes(b"SQLite format 3\0"), "it has no header; there is no snapshot"),
    "another program": (lambda path: make_database(path, "CREATE TABLE t (a)"), "another program's SQLite file"),
    "newer": (
        lambda path: make_database(
            path, "PRAGMA application_id=2003333753", "PRAGMA user_version=9", "CREATE TABLE t (a)"
        ),
        "has schema 9, written by a newer wherry; this one knows 1 and older",
    ),
}


@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN.keys())
def test_foreign_file_is_refused_and_left_alone(path: Path, make: Any, message: str) -> None:
    make(path)
    content = path.read_bytes()
    with pytest.raises(StoreFileError, match=message):
        SqliteStore.open(path)
    assert path.read_bytes() == content
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["store.db", "store.db.lock"]


async def test_file_in_use_is_refused_by_its_holder(path: Path) -> None:
    store = SqliteStore.open(path)
    program = "import sys; from master.store.sqlite import SqliteStore; SqliteStore.open(sys.argv[1])"
    second = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=30
    )
    assert f"store {path} is in use by process " in second.stderr
    await store.close()
    await SqliteStore.open(path).close()


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreFileError, match="cannot be locked: .*No such file or directory"):
        SqliteStore.open(tmp_path / "none" / "store.db")


async def test_full_disk_refuses_writes_and_nothing_else(path: Path) -> None:
    store = SqliteStore.open(path, quota=256 << 10)
    watch = await store.watch(b"a", b"\0", 1)
    written = 0
    with pytest.raises(StoreUnavailableError, match=r"store\.db: .*full"):
        while True:
            await put(store, b"k%d" % written, b"x" * 10_000)
            written += 1
    assert store.revision == written + 1
    assert len(await values(store)) == written
    for number in range(written):
        assert (await anext(aiter(watch)))[0] == number + 2
    await store.txn(Txn((), [DeleteRange(b"k0")]))
    await store.compact(store.revision)
    await put(store, b"small")
    assert store.revision == written + 3
    await store.close()
    again = SqliteStore.open(path)
    assert again.revision == written + 3
    await again.close()


async def test_lease_survives_a_revoke_that_the_disk_refused(path: Path) -> None:
    store = SqliteStore.open(path, quota=256 << 10)
    lease = await store.lease_grant(60)
    await put(store, b"a", b"v", lease)
    refused, revoked = await asyncio.gather(
        put(store, b"large", b"x" * 400_000), store.lease_revoke(lease), return_exceptions=True
    )
    assert isinstance(refused, StoreUnavailableError)
    assert isinstance(revoked, StoreUnavailableError)
    assert (await store.lease_info(lease)).keys == [b"a"]
    await store.lease_revoke(lease)
    assert await values(store) == {}
    await store.close()


async def damaged(path: Path, value: bytes) -> SqliteStore:
    """A store whose `value` on disk has another last byte."""
    store = SqliteStore.open(path)
    await put(store, b"a", value)
    await put(store, b"b")
    await store.close()
    content = path.read_bytes()
    assert content.count(value) == 1
    path.write_bytes(content.replace(value, value[:-1] + b"?"))
    return SqliteStore.open(path)


async def test_damaged_file_is_refused_and_let_go(path: Path) -> None:
    store = SqliteStore.open(path)
    await asyncio.gather(*(put(store, b"k%d" % number, b"x" * 1000) for number in range(100)))
    await store.close()
    content = bytearray(path.read_bytes())
    content[PAGE_SIZE:] = bytes(len(content) - PAGE_SIZE)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreFileError, match="is damaged: "):
            SqliteStore.open(path)


async def test_error_that_is_not_the_disks_leaves_no_transaction_open(path: Path) -> None:
    store = SqliteStore.open(path)
    with pytest.raises(TypeError):
        await put(store, b"a", "text")  # type: ignore[arg-type]
    assert await put(store, b"a") == 2
    await store.close()


async def test_damaged_row_is_named(path: Path) -> None:
    store = await damaged(path, b"precious value")
    with pytest.raises(DamagedError, match="key b'a' at revision 2: the checksum is wrong"):
        await values(store)
    assert (await store.range(Range(b"b"))).kvs[0].value == b"v"
    await store.close()


async def test_damaged_row_can_be_replaced_and_deleted(path: Path) -> None:
    store = await damaged(path, b"precious value")
    await put(store, b"a", b"restored")
    assert await values(store) == {b"a": b"restored", b"b": b"v"}
    await store.txn(Txn((), [DeleteRange(b"a")]))
    await store.close()
