"""What stands before a watch whose objects a webhook converts: changes wait here, in order, until they are in its version.

All that has come meanwhile is put to the webhook at once.  A webhook that fails ends the watch with its failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from kube.errors import ApiError
from kube.kinds import Kind
from master.api.customs.converting import Converting
from master.api.versions import Version
from master.api.watchers import Bucket, Change

LONGEST = 10_000
"""Changes that may wait; more end the watch."""


class Told(Protocol):
    """A watch, as those see it who have something to tell it."""

    bucket: Bucket

    def deliver(self, change: Change) -> None: ...
    def lost(self) -> None: ...
    def bookmark(self, revision: int, initial_end: bool = False) -> None: ...


class Wanting(Protocol):
    @property
    def version(self) -> Version: ...


class Watch(Told, Protocol):
    @property
    def wanted(self) -> Wanting: ...
    def fail(self, error: ApiError) -> None: ...


class Relay:
    """Tells `watch` what it is told itself, converted."""

    def __init__(self, watch: Watch, converting: Converting) -> None:
        self.bucket = watch.bucket
        self._watch, self._converting = watch, converting
        self._kind: Kind = watch.wanted.version.kind
        self._waiting: deque[Change | tuple[int, bool]] = deque()
        self._came = asyncio.Event()
        self._pump = asyncio.create_task(self._run(), name="converted watch")

    def deliver(self, change: Change) -> None:
        self._waiting.append(change)
        self._came.set()
        if len(self._waiting) > LONGEST:
            self.lost()

    def bookmark(self, revision: int, initial_end: bool = False) -> None:
        self._waiting.append((revision, initial_end))
        self._came.set()

    def lost(self) -> None:
        self.close()
        self._watch.lost()

    def close(self) -> None:
        self._pump.cancel()

    async def _run(self) -> None:
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                batch = list(self._waiting)
                self._waiting.clear()
                await self._pass_on(batch)
        except ApiError as error:
            self._watch.fail(error)

    async def _pass_on(self, batch: list[Change | tuple[int, bool]]) -> None:
        changes = [each for each in batch if isinstance(each, Change)]
        entries = [entry for change in changes for entry in (change.entry, change.old) if entry is not None]
        found = dict(zip(entries, await self._converting.entries(self._kind, entries), strict=True))
        for each in batch:
            if isinstance(each, Change):
                old = found[each.old] if each.old is not None else None
                self._watch.deliver(Change(each.type, found[each.entry], old))
            else:
                self._watch.bookmark(*each)
