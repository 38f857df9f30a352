"""A disk that is really full: a small tmpfs, filled by a file beside the store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from master.store.contract import Put, Range, StoreUnavailableError, Txn
from master.store.sqlite import SqliteStore


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


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
