"""kill -9 in the middle of writes: all that was acknowledged is there, once, and the revision never goes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from master.store.contract import Range
from master.store.sqlite import SqliteStore

ROUNDS = 3
KILL_AFTER = (40, 150, 400)

# Eight writers, each counting its own keys up; a line says what is acknowledged, by whom and at which revision.
WRITER = """
import asyncio, os, sys
from master.store.contract import Compare, Put, Target, Txn
from master.store.sqlite import SqliteStore

async def write(store, name):
    for number in range(1_000_000):
        key = f"{name}/{number}".encode()
        writes = [Put(key, b"x" * 500), Put(f"last/{name}".encode(), key)]
        result = await store.txn(Txn([Compare(key, Target.MOD, "=", 0)], writes))
        assert result.succeeded
        os.write(1, f"{key.decode()} {result.revision}\\n".encode())

async def main():
    store = SqliteStore.open(sys.argv[1])
    await asyncio.gather(*(write(store, f"{sys.argv[2]}-{number}") for number in range(8)))

asyncio.run(main())
"""


def acknowledged_before_kill(path: Path, name: str, count: int) -> dict[bytes, int]:
    """Starts the writers, kills them after `count` acknowledgements; key → revision of all that came out."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -9
    return {key: int(revision) for key, revision in (line.split() for line in lines)}


@pytest.mark.parametrize("count", KILL_AFTER)
async def test_acknowledged_writes_survive(tmp_path: Path, count: int) -> None:
    path = tmp_path / "store.db"
    acknowledged: dict[bytes, int] = {}
    for number in range(ROUNDS):
        before = max(acknowledged.values(), default=1)
        new = acknowledged_before_kill(path, f"round{number}", count)
        assert min(new.values()) > before
        acknowledged |= new
        store = SqliteStore.open(path)
        found = {kv.key: kv.mod_revision for kv in (await store.range(Range(b"round", b"rounds"))).kvs}
        last = {kv.value: kv.mod_revision for kv in (await store.range(Range(b"last/", b"last0"))).kvs}
        revision = store.revision
        await store.close()
        assert acknowledged.items() <= found.items()
        assert last.items() <= found.items()
        assert revision == max(found.values())
        assert sorted(found.values()) == list(range(2, revision + 1))
