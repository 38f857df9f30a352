"""A watch over HTTP: the initial state, then each change as it happens, until time, client or server ends it.

How it works: a watcher is told of changes by the cache, synchronously; it encodes an event once for all watchers of the
same form, and the frames of one turn of the loop leave in one write to the transport.  A client that reads too slowly
fills the transport's buffer and its watch ends; it comes back and resumes from where it was.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiohttp import web

from kube.errors import ApiError, gone
from master.api import views
from master.api.cache import Cache
from master.api.collections import Collection
from master.api.connections import Connection
from master.api.customs.converting import Converting, is_asked
from master.api.customs.relaying import Relay, Told
from master.api.entries import Entry
from master.api.lists import Lists
from master.api.media import Form
from master.api.options import Listing
from master.api.versions import Version
from master.api.watch_streams import Frame, begin, chunk
from master.api.watchers import ADDED, Bucket, Change, bucket_of, see

log = logging.getLogger(__name__)

BOOKMARK_EVERY = 60.0
SHORTEST, LONGEST = 1800, 3600
"""Seconds a watch lasts whose client does not say; spread, so that they do not all come back at once."""
SLOW = 4 * 1024 * 1024
"""Bytes waiting for one client after which its watch ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What the events of a watch look like; one for all watches that look alike, so that they share their frames."""

    version: Version
    form: Form
    include: str = "Metadata"
    frame: Frame = chunk
    rest: Wanted | None = None
    """What events after the first look like: a Table names its columns once."""

    def event(self, type: str, entry: Entry) -> bytes:
        headed = self.rest is not None
        return views.event_bytes(type, entry, self.version, self.form, self.include, headed)

    @property
    def later(self) -> Wanted:
        return self.rest or self

    def events(self, seen: Sequence[tuple[str, Entry]]) -> Iterator[bytes]:
        """What a watch begins with."""
        yield from (self.event(*one) for one in seen[:1])
        yield from (self.later.event(*one) for one in seen[1:])


class HttpWatcher:
    """One open watch of one client."""

    def __init__(self, collection: Collection, listing: Listing, wanted: Wanted, transport: asyncio.Transport) -> None:
        self.collection = collection
        self.listing = listing
        self.wanted = wanted
        self.bucket: Bucket = bucket_of(collection.kind, listing.namespace, listing.selection)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._live = False
        self._pending: list[bytes] = []
        self._size = 0

    # Told by the cache

    def deliver(self, change: Change) -> None:
        seen = see(self.listing.selection, self.listing.namespace, change)
        if seen is not None:
            self._send(self._encode(change, *seen))

    def lost(self) -> None:
        self.fail(gone("the server lost the log; list again"))

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _encode(self, change: Change, type: str, entry: Entry) -> bytes:
        wanted, self.wanted = self.wanted, self.wanted.later
        if entry is not change.entry:
            return wanted.frame(wanted.event(type, entry))
        key = (type, wanted)
        found = change.frames.get(key)
        if found is None:
            found = change.frames[key] = wanted.frame(wanted.event(type, entry))
        return found

    # To the client

    def begin(self, seen: Sequence[tuple[str, Entry]]) -> Iterator[bytes]:
        """The frames of what came before the watch; where there is none, the first change will be the first frame."""
        wanted = self.wanted
        if seen:
            self.wanted = wanted.later
        return wanted.events(seen)

    def _send(self, frame: bytes) -> None:
        if not self._pending and self._live:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(frame)
        self._size += len(frame)
        if self._size > SLOW:
            self._cut()

    def _flush(self) -> None:
        pending, transport = self._pending, self._transport
        if transport.is_closing():
            self.end()
        elif pending:
            transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
            pending.clear()
            self._size = transport.get_write_buffer_size()
            if self._size > SLOW:
                self._cut()

    def _cut(self) -> None:
        """The client does not read: what waits for it is thrown away with the connection."""
        log.info("watch cut off, its client does not read kind=%s", self.collection.kind.qualified)
        self._pending.clear()
        self._transport.abort()
        self.end()

    def go_live(self) -> None:
        """From now on changes go straight to the transport; those that waited go first."""
        self._live = True
        self._flush()

    def bookmark(self, revision: int, initial_end: bool = False) -> None:
        self._send(
            self.wanted.frame(views.bookmark_bytes(self.wanted.version, self.wanted.form, revision, initial_end))
        )

    def fail(self, error: ApiError) -> None:
        """The watch cannot go on: why is the last that the client hears."""
        self._send(self.wanted.frame(views.error_event(error.to_status(), self.wanted.form)))
        self.end()

    def finish(self) -> None:
        self._flush()
        self._live = False


class Watches:
    """Serves watches; ends them all when the server stops."""

    def __init__(self, cache: Cache, lists: Lists, converting: Converting) -> None:
        self._cache = cache
        self._lists = lists
        self._converting = converting
        self._open: set[HttpWatcher] = set()
        self._looks: dict[tuple[str, str, Form, str, Frame], Wanted] = {}

    def __len__(self) -> int:
        return len(self._open)

    def wanted(self, version: Version, form: Form, include: str, frame: Frame = chunk) -> Wanted:
        key = (version.kind.api_version, version.kind.kind, form, include, frame)
        found = self._looks.get(key)
        if found is None or found.version is not version:
            rest = Wanted(version, form, include, frame) if form.view == "Table" else None
            found = self._looks[key] = Wanted(version, form, include, frame, rest)
        return found

    def end_all(self) -> None:
        for watcher in self._open:
            watcher.end()

    async def serve(self, request: web.BaseRequest, listing: Listing, wanted: Wanted) -> web.StreamResponse:
        collection = self._cache.collection(wanted.version.stored)
        if listing.revision is None:
            await self._cache.fresh()
        elif listing.revision:
            await self._lists.reach(listing.revision, listing.timeout)
        connection, transport = request.protocol, request.transport
        if transport is None or not isinstance(connection, Connection):
            raise ConnectionError("the client is gone")
        watcher = HttpWatcher(collection, listing, wanted, transport)
        if is_asked(wanted.version.kind):
            told, first = self._relayed(watcher)
        else:
            told, first = watcher, _first_frames(collection, watcher, self._cache.revision)
        collection.watchers.add(told)
        self._open.add(watcher)
        forget = connection.when_lost(watcher.end)
        try:
            return await self._stream(request, watcher, told, first)
        finally:
            forget()
            collection.watchers.discard(told)
            self._open.discard(watcher)
            if isinstance(told, Relay):
                told.close()

    def _relayed(self, watcher: HttpWatcher) -> tuple[Told, Iterable[bytes]]:
        """What a webhook has to convert comes later, the first state too."""
        collection, listing, relay = watcher.collection, watcher.listing, Relay(watcher, self._converting)
        revision = self._cache.revision
        if _begins_with_state(listing):
            for entry in collection.slice(listing.namespace)[0]:
                relay.deliver(Change(ADDED, entry, None))
            if listing.initial_events and listing.bookmarks:
                relay.bookmark(revision, initial_end=True)
            return relay, ()
        changes = collection.since(listing.revision if listing.revision is not None else revision)
        for change in changes or ():
            relay.deliver(change)
        return relay, () if changes is not None else _first_frames(collection, watcher, revision)

    async def _stream(
        self, request: web.BaseRequest, watcher: HttpWatcher, told: Told, first: Iterable[bytes]
    ) -> web.StreamResponse:
        stream = await begin(request, watcher.wanted.form, watcher.end)
        await stream.write(first)
        watcher.go_live()
        await self._last(watcher, told)
        if request.transport is not None and not request.transport.is_closing():
            watcher.finish()
            await stream.close()
        return stream.response

    async def _last(self, watcher: HttpWatcher, told: Told) -> None:
        """Until the watch ends, with a bookmark each minute and one at the end."""
        loop = asyncio.get_running_loop()
        seconds = watcher.listing.timeout or random.randint(SHORTEST, LONGEST)
        end = loop.time() + seconds
        while not watcher.ended.done() and (left := end - loop.time()) > 0:
            await asyncio.wait({watcher.ended}, timeout=min(left, BOOKMARK_EVERY))
            if watcher.listing.bookmarks and not watcher.ended.done():
                told.bookmark(self._cache.revision)


def _begins_with_state(listing: Listing) -> bool:
    return bool(listing.initial_events or (listing.initial_events is None and not listing.revision))


def _first_frames(collection: Collection, watcher: HttpWatcher, revision: int) -> Iterable[bytes]:
    """What the watch begins with: the present state, or what has happened since the revision given."""
    listing, wanted = watcher.listing, watcher.wanted
    if _begins_with_state(listing):
        selection = listing.selection
        entries = selection.of(collection.slice(listing.namespace)[0])
        lines = watcher.begin([(ADDED, entry) for entry in entries])
        return _with_end(lines, wanted, revision) if listing.initial_events and listing.bookmarks else lines
    changes = collection.since(listing.revision if listing.revision is not None else revision)
    if changes is None:
        watcher.end()
        return [views.error_event(_too_old(listing.revision or 0, collection.floor).to_status(), wanted.form)]
    seen = [see(listing.selection, listing.namespace, change) for change in changes]
    return watcher.begin([one for one in seen if one is not None])


def _with_end(lines: Iterable[bytes], wanted: Wanted, revision: int) -> Iterable[bytes]:
    yield from lines
    yield views.bookmark_bytes(wanted.version, wanted.form, revision, initial_end=True)


def _too_old(revision: int, floor: int) -> ApiError:
    return gone(f"too old resource version: {revision} ({floor})")
