"""Watches: events to those who wait for them, in order, without gap or repeat.

How it works: a watch that starts in the past reads the log in slices until it has caught up; that moment and its entry
into the hub happen without an await between them, so nothing falls in between.  From then on the hub hands it every
revision as it commits.  A watch that does not keep up is ended; nothing is dropped in silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from master.store.contract import Event, SlowWatcherError
from master.store.evaluating import matching
from master.store.spans import Span

Entry = tuple[int, list[Event]]


class Slice(NamedTuple):
    """Part of the past: entries, and the first revision after it."""

    entries: list[Entry]
    next_revision: int


History = Callable[[Span, int], Slice]


class Hub:
    """Live watches by the span of keys that they want."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self._watches: dict[Span, list[LogWatch]] = {}
        self.closed: Exception | None = None

    def publish(self, revision: int, events: list[Event]) -> None:
        self.revision = revision
        for wanted, watches in list(self._watches.items()):
            chosen = events if _holds_all(wanted, events) else list(matching(events, wanted))
            if chosen:
                for watch in list(watches):
                    watch.offer((revision, chosen))

    def add(self, watch: LogWatch) -> None:
        self._watches.setdefault(watch.span, []).append(watch)
        if self.closed is not None:
            watch.end(self.closed)

    def remove(self, watch: LogWatch) -> None:
        watches = self._watches.get(watch.span, [])
        if watch in watches:
            watches.remove(watch)
        if not watches:
            self._watches.pop(watch.span, None)

    def close(self, reason: Exception) -> None:
        self.closed = reason
        for watches in list(self._watches.values()):
            for watch in list(watches):
                watch.end(reason)


def _holds_all(wanted: Span, events: list[Event]) -> bool:
    return all(wanted.holds(event.kv.key) for event in events)


class LogWatch:
    """One open watch.  `start` is the first revision it wants; `limit` bounds the revisions that wait to be read."""

    def __init__(self, hub: Hub, history: History, span: Span, start: int, limit: int) -> None:
        self.span = span
        self._hub = hub
        self._history = history
        self._next = start
        self._limit = limit
        self._queue: deque[Entry] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._end: Exception | None = None
        self._live = False
        self._mark_wanted = False
        if start > hub.revision:
            self._go_live()

    def __aiter__(self) -> LogWatch:
        return self

    async def __anext__(self) -> Entry:
        while True:
            if self._queue:
                return self._queue.popleft()
            if self._end is not None:
                raise self._end
            if self._live:
                self._reader = asyncio.get_running_loop().create_future()
                await self._reader
            else:
                self._catch_up()
                await asyncio.sleep(0)

    def offer(self, entry: Entry) -> None:
        """Takes a committed revision from the hub."""
        if entry[0] < self._next:
            return
        if len(self._queue) >= self._limit:
            self.end(SlowWatcherError(f"{self._limit} revisions are waiting to be read"))
            return
        self._queue.append(entry)
        self._wake()

    def progress(self) -> None:
        if not self._live:
            self._mark_wanted = True
        elif not (self._queue and not self._queue[-1][1]):
            self._queue.append((self._hub.revision, []))
            self._wake()

    def end(self, reason: Exception) -> None:
        self._end = reason
        self._hub.remove(self)
        self._wake()

    async def close(self) -> None:
        self._queue.clear()
        self.end(StopAsyncIteration())

    def _catch_up(self) -> None:
        if self._hub.closed is not None:
            self.end(self._hub.closed)
            return
        try:
            entries, self._next = self._history(self.span, self._next)
        except Exception as error:
            self.end(error)
            return
        self._queue.extend(entries)
        if self._next > self._hub.revision:
            self._go_live()

    def _go_live(self) -> None:
        self._live = True
        self._hub.add(self)
        if self._mark_wanted:
            self.progress()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
