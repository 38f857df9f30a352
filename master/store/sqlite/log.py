"""The log in SQLite: one append-only table, each batch one transaction and one fsync.

How it works: rows are inserted on the event loop's thread, which only touches SQLite's page cache; the commit, with its
write and fsync, runs in a thread of its own, as one call that does not hold Python's lock.  A second connection reads
what is committed and never waits for a write.  Keys and revisions are held in memory (`index.py`), values are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import orjson

from master.store.contract import CannotWriteError, DamagedError, StoreStatus, StoreUnavailableError
from master.store.index import Version, revision_of
from master.store.log import Batch, Loaded, Row
from master.store.sqlite.files import PAGE_SIZE, FileLock, connect_reader, connect_writer, is_damage, opening
from master.store.sqlite.rows import (
    COMPACTED,
    GRANT,
    INSERT,
    LEASES,
    MARK_COMPACTED,
    ONE_ROW,
    PURGE,
    REVOKE,
    ROWS,
    VERSIONS,
    checked,
    columns_of,
)
from master.store.sqlite.tidying import Tidying
from master.store.threads import WorkThread


class SqliteLog:
    def __init__(self, path: Path, lock: FileLock, quota: int | None = None) -> None:
        """The `lock` is let go when the log is closed."""
        self._path = path
        self._lock = lock
        with opening(path):
            self._writer = connect_writer(path, quota)
            self._reader = connect_reader(path)
        self._thread = WorkThread("store-writer")
        self._turn = asyncio.Lock()
        self._tidying = Tidying(path, self._writer, self._thread, self._turn)

    def load(self) -> Loaded:
        with opening(self._path):
            versions = [(key, Version(*version)) for key, *version in self._reader.execute(VERSIONS)]
            leases = dict(self._reader.execute(LEASES))
            return Loaded(versions, leases, self._reader.execute(COMPACTED).get or 0)

    async def commit(self, batch: Batch) -> None:
        async with self._turn:
            try:
                self._insert(batch)
                await self._thread.run(self._finish, batch)
            except BaseException as error:
                await self._thread.run(self._roll_back)
                if isinstance(error, apsw.Error):
                    raise CannotWriteError(f"store {self._path}: {error}") from error
                raise
        self._tidying.after_commit(purged=bool(batch.purged))

    def _insert(self, batch: Batch) -> None:
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        writer.executemany(INSERT, map(columns_of, batch.rows))
        if batch.granted:
            writer.executemany(GRANT, batch.granted.items())
        if batch.revoked:
            writer.executemany(REVOKE, ((lease,) for lease in batch.revoked))
        if batch.compact_revision:
            writer.execute(MARK_COMPACTED, (batch.compact_revision,))

    def _finish(self, batch: Batch) -> None:
        if batch.purged:
            self._writer.execute(PURGE, (orjson.dumps(batch.purged).decode(),))
        self._writer.execute("COMMIT")

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def value(self, key: bytes, number: int) -> bytes:
        try:
            found = self._reader.execute(ONE_ROW, (number,)).fetchall()
        except apsw.Error as error:
            raise _unreadable(f"key {key!r} at revision {revision_of(number)}", error) from error
        if not found:
            raise DamagedError(f"key {key!r} at revision {revision_of(number)}: its row is missing")
        return checked(found[0]).value

    def rows(self, first: int, end: int, limit: int) -> list[Row]:
        try:
            return [checked(columns) for columns in self._reader.execute(ROWS, (first, end, limit))]
        except apsw.Error as error:
            raise _unreadable(f"log from revision {revision_of(first)} on", error) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        try:
            self._reader.execute("BEGIN")
        except apsw.Error as error:
            raise _unreadable(f"store {self._path}", error) from error
        try:
            yield
        finally:
            self._reader.execute("COMMIT")

    def status(self) -> StoreStatus:
        pages, free = self._reader.pragma("page_count"), self._reader.pragma("freelist_count")
        return StoreStatus(pages * PAGE_SIZE, (pages - free) * PAGE_SIZE)

    async def defragment(self) -> None:
        async with self._turn:
            try:
                await self._thread.run(self._vacuum)
            except apsw.Error as error:
                raise StoreUnavailableError(f"store {self._path}: {error}") from error

    def _vacuum(self) -> None:
        self._writer.execute("PRAGMA incremental_vacuum").fetchall()
        self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    async def close(self) -> None:
        await self._tidying.finish()
        self.disconnect()
        self._lock.release()

    def disconnect(self) -> None:
        self._tidying.release()
        self._thread.stop()
        self._reader.close()
        self._writer.close()


def _unreadable(what: str, error: apsw.Error) -> Exception:
    """Damage says that the file is wrong; anything else that it cannot be read now."""
    return DamagedError(f"{what}: {error}") if is_damage(error) else StoreUnavailableError(f"{what}: {error}")
