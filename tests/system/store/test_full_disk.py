"""A disk that is really full: a small tmpfs, filled by a file beside the store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from master.store.contract import Put, Range, StoreUnavailableError, Txn
from master.store.snapshots import snapshots_of
from master.store.sqlite import SqliteStore
from master.store.sqlite.snapshotting import take


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    return filler


async def test_a_snapshot_that_does_not_fit_leaves_no_part_of_it_and_the_older_ones(small_disk: Path) -> None:
    path = small_disk / "store.db"
    store = SqliteStore.open(path)
    await store.txn(Txn((), [Put(b"a", os.urandom(500_000))]))
    older = take(path)
    await store.txn(Txn((), [Put(b"a", os.urandom(500_000))]))
    filler = fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        take(path)
    assert list(snapshots_of(path).folder.iterdir()) == [older]
    filler.unlink()
    assert take(path) is not None
    await store.close()


async def test_writes_are_refused_until_there_is_space_again(small_disk: Path) -> None:
    store = SqliteStore.open(small_disk / "store.db")
    await store.txn(Txn((), [Put(b"a", b"kept")]))
    filler = os.open(small_disk / "filler", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(filler, b"x" * 4096)
    written = 0
    with pytest.raises(StoreUnavailableError, match="full"):
        for written in range(1000):
            await store.txn(Txn((), [Put(b"b%d" % written, b"x" * 5000)]))
    assert store.revision == 2 + written
    assert (await store.range(Range(b"a"))).kvs[0].value == b"kept"
    os.ftruncate(filler, 0)
    os.close(filler)
    await store.txn(Txn((), [Put(b"c", b"x" * 5000)]))
    await store.close()
    again = SqliteStore.open(small_disk / "store.db")
    assert again.revision == 3 + written
    await again.close()
