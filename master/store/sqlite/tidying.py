"""What the file needs between writes: checkpoints of the WAL, and free pages given back; in small steps, others go first.

How it works: a commit that leaves the WAL long, or many pages free, wakes one task.  The long part of a checkpoint runs
on a connection of its own beside reads and writes; only the rest, written meanwhile, takes the writer's turn, so that the
next write begins the WAL anew.  Pages are given back a few at a time, each time in a turn of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import apsw

from master.store.sqlite.files import connect
from master.store.threads import WorkThread

log = logging.getLogger(__name__)

# 4 MiB: rows that are written again and again reach the main file once a checkpoint, and a card erases in such units.
CHECKPOINT_PAGES = 1000
# Free pages are given back when there are more of them than pages in use: new rows fill them otherwise.
VACUUM_FROM = 256
# 256 KiB in one go: 25 ms on a card that writes 10 MB/s.
VACUUM_PAGES = 64


class Tidying:
    """`turn` and `thread` are the writer's; each step on `writer` takes both."""

    def __init__(self, path: Path, writer: apsw.Connection, thread: WorkThread, turn: asyncio.Lock) -> None:
        self._writer = writer
        self._thread = thread
        self._turn = turn
        self._checkpointer = connect(path)
        self._checkpointer.execute("PRAGMA synchronous=FULL")
        self._beside = WorkThread("store-checkpoints")
        self._task: asyncio.Task[None] | None = None
        self._wal_pages = 0
        self._due = CHECKPOINT_PAGES
        writer.set_wal_hook(self._committed)

    def after_commit(self, purged: bool) -> None:
        """Wakes the task where there is something to do."""
        if (purged or self._wal_pages >= self._due) and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._tidy(purged))

    async def finish(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def release(self) -> None:
        self._beside.stop()
        self._checkpointer.close()

    def _committed(self, _: apsw.Connection, __: str, wal_pages: int) -> int:
        """Called by SQLite, in whatever thread commits."""
        self._wal_pages = wal_pages
        return apsw.SQLITE_OK

    async def _tidy(self, purged: bool) -> None:
        try:
            free = purged
            while free:
                free = await self._on_writer(self._give_back)
            if self._wal_pages >= self._due:
                await self._checkpoint()
        except apsw.Error as error:
            log.warning("upkeep of the file is put off: %s", error)
            self._due = self._wal_pages + CHECKPOINT_PAGES

    async def _on_writer(self, step: Callable[[], bool]) -> bool:
        async with self._turn:
            done: bool = await self._thread.run(step)
            return done

    async def _checkpoint(self) -> None:
        await self._beside.run(passive, self._checkpointer)
        whole = await self._on_writer(lambda: passive(self._writer))
        # A reader that is in the way leaves the WAL growing; it is tried again when it has grown by as much.
        self._due = CHECKPOINT_PAGES if whole else self._wal_pages + CHECKPOINT_PAGES

    def _give_back(self) -> bool:
        """One step; False when enough is given back."""
        free, pages = self._writer.pragma("freelist_count"), self._writer.pragma("page_count")
        if free <= VACUUM_FROM or free <= pages // 2:
            return False
        self._writer.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        return True


def passive(connection: apsw.Connection) -> bool:
    """Moves what can be moved without waiting for anybody; True when that was all."""
    frames, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    return frames == moved
