"""Puts on the shelf what informers hear, and hands it out when the API does not answer.

Contract: what `keep` was told is on the disk within SETTLE to PAUSE seconds, many changes by one write; what did not change
is not written.  An informer that `follow` was given and that the API has not filled PATIENCE seconds after the start begins
with what was kept; the API's first list then tells it the differences.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from agent.keeping.shelf import Shelf
from kube.informers import Informer, key_of

log = logging.getLogger(__name__)

Waiting = dict[tuple[str, str], bytes | None]
"""Drawer and key to what is to be written there; None takes it away."""
SETTLE, PAUSE = 1.0, 5.0
"""Seconds from a change to its write, and between two writes."""
PATIENCE = 3.0
"""What the API is waited for, so that a node does not start what was moved away while it was off."""


class Keeper:
    """`run` in a task; `recall`, `keep` and `prune` at any time."""

    def __init__(self, shelf: Shelf, patience: float = PATIENCE, settle: float = SETTLE, pause: float = PAUSE) -> None:
        self._shelf = shelf
        self._patience, self._settle, self._pause = patience, settle, pause
        self._waiting: Waiting = {}
        self._news = asyncio.Event()
        self._followed: list[tuple[Informer, str]] = []
        self._written: dict[tuple[str, str], int | None] = {
            (drawer, key): hash(content) for drawer, key, content in shelf.rows()
        }

    def follow(self, informer: Informer, drawer: str) -> None:
        """Before the informer runs."""
        self._followed.append((informer, drawer))

        def heard(_event: str, old: Any, new: Any) -> None:
            self.keep(drawer, "/".join(key_of(new or old)), new)

        informer.on_change(heard)

    def recall(self, drawer: str, key: str) -> Any | None:
        """What was kept last under `key`."""
        if (drawer, key) in self._waiting:
            content = self._waiting[drawer, key]
        else:
            content = self._shelf.read_one(drawer, key)
        return None if content is None else orjson.loads(content)

    def keep(self, drawer: str, key: str, what: Any | None) -> None:
        """None takes it away."""
        row, content = (drawer, key), None if what is None else orjson.dumps(what)
        if row in self._waiting or self._differs(row, content):
            self._waiting[row] = content
            self._news.set()

    def prune(self, drawer: str, needed: Callable[[str], bool]) -> None:
        """Take away what nobody needs any more."""
        for known, key in [*self._written, *self._waiting]:
            if known == drawer and not needed(key):
                self.keep(drawer, key, None)

    async def run(self) -> None:
        """Until cancelled; what waits is written at the end too."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for informer, drawer in self._followed:
                    tasks.create_task(self._fall_back(informer, drawer))
                tasks.create_task(self._write_forever())
        finally:
            self._write(self._take())
            self._shelf.close()

    async def _fall_back(self, informer: Informer, drawer: str) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await informer.synced.wait()
        except TimeoutError:
            kept = [orjson.loads(content) for content in self._shelf.read(drawer).values()]
            log.warning("no master answers: going on with what was kept of %s count=%d", drawer, len(kept))
            informer.restore(kept)

    async def _write_forever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(self._settle)
            taken = self._take()
            if not await asyncio.to_thread(self._write, taken):
                self._written |= dict.fromkeys(taken)  # nobody knows what is there now
                self._waiting = taken | self._waiting  # with the next change, on a disk that has room again
            await asyncio.sleep(self._pause)

    def _take(self) -> Waiting:
        """What is to be written now; from here on it counts as written."""
        self._news.clear()
        waiting, self._waiting = self._waiting, {}
        taken = {row: content for row, content in waiting.items() if self._differs(row, content)}
        for row, content in taken.items():
            if content is None:
                self._written.pop(row, None)
            else:
                self._written[row] = hash(content)
        return taken

    def _write(self, taken: Waiting) -> bool:
        try:
            self._shelf.write((*row, content) for row, content in taken.items())
        except OSError as error:
            log.error("not kept: %s", error)
            return False
        return True

    def _differs(self, row: tuple[str, str], content: bytes | None) -> bool:
        return row in self._written if content is None else self._written.get(row) != hash(content)
