"""What the SQLite store costs: CPU and bytes a write, writes a second beside the disk's own syncs, memory."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import uvloop

from bench.table import Row
from master.store.contract import Compare, Put, Range, Target, Txn
from master.store.sqlite import SqliteStore

POD = b"x" * 3000
LEASE = b"x" * 400
UPDATED_KEYS = 200


class Cost(NamedTuple):
    """Of one measured load, all per call but `rate`, which is calls a second."""

    cpu: float
    written: float
    rate: float


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        return [*_syncs(Path(folder)), *uvloop.run(_store(Path(folder)))]


def _syncs(folder: Path, count: int = 300) -> Iterator[Row]:
    with (folder / "syncs").open("wb", buffering=0) as file:
        begin = time.perf_counter()
        for _ in range(count):
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
        yield Row("disk: synced writes", count / (time.perf_counter() - begin), "/s")


async def _store(folder: Path) -> list[Row]:
    store = SqliteStore.open(folder / "store.db")
    empty = resident()
    alone = await measure(lambda i: create(store, b"/alone/%d" % i), 1, 1000)
    loaded = await measure(lambda i: create(store, b"/loaded/%d" % i), 16, 10_000)
    held = resident()
    small = await measure(lambda i: update(store, i), 1, 2000)
    many = await measure(lambda i: update(store, i), 16, 20_000)
    before = resident()
    await measure(lambda i: update(store, i), 16, 50_000)
    after = resident()
    await store.close()
    return [
        Row("store: 1,000 creates, 1 writer: CPU", alone.cpu * 1000, "s"),
        Row("store: 1,000 creates, 16 writers: CPU", loaded.cpu * 1000, "s", 0.08),
        Row("store: 1,000 updates, 16 writers: CPU", many.cpu * 1000, "s", 0.08),
        Row("store: creates, 1 writer", alone.rate, "/s", 320, at_least=True),
        Row("store: creates, 16 writers", loaded.rate, "/s", 2000, at_least=True),
        Row("store: a small update alone writes", small.written / 1024, "KiB", 12),
        Row("store: a small update under load writes", many.written / 1024, "KiB", 5),
        Row("store: 11,000 pods add to memory", held - empty, "MiB"),
        Row("store: 50,000 updates more add to memory", after - before, "MiB", 10),
        await _open(folder),
    ]


async def _open(folder: Path) -> Row:
    begin = time.perf_counter()
    store = SqliteStore.open(folder / "store.db")
    row = Row("store: opening it again", time.perf_counter() - begin, "s", 3)
    await store.close()
    return row


async def create(store: SqliteStore, key: bytes) -> None:
    """As the API creates: only when the key is not there."""
    await store.txn(Txn([Compare(key, Target.MOD, "=", 0)], [Put(key, POD)], [Range(key)]))


async def update(store: SqliteStore, number: int) -> None:
    await store.txn(Txn((), [Put(b"/leases/%d" % (number % UPDATED_KEYS), LEASE)]))


async def measure(call: Callable[[int], Awaitable[None]], writers: int, count: int) -> Cost:
    """`count` calls by so many writers, each waiting for its answer before it goes on."""

    async def write(first: int) -> None:
        for number in range(first, count, writers):
            await call(number)

    cpu, written, begin = time.process_time(), bytes_written(), time.perf_counter()
    await asyncio.gather(*(write(first) for first in range(writers)))
    took = time.perf_counter() - begin
    return Cost((time.process_time() - cpu) / count, (bytes_written() - written) / count, count / took)


def bytes_written() -> int:
    """What this process has sent towards the disk, in whole pages."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def resident() -> float:
    """MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
