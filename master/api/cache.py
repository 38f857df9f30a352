"""The watch cache: every stored object in memory, as bytes, with the window of past changes watches resume from.

Contract: the one task in `run` follows the store's log and applies each revision at once; readers see whole revisions.
A reader that must not see the past waits with `fresh()`, which costs a store of our own nothing when the cache has
caught up, and etcd one question for all who wait.

How a start works: objects are loaded as of some thousand revisions ago and the log since then is replayed, so that
clients resume their watches over a restart of the server as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import count

import orjson

from kube.decoding import PROTOBUF, decode
from kube.errors import ApiError
from kube.kinds import Kind
from master.api.collections import Collection, Listener
from master.api.entries import Attributes, Entry, Object, attributes_of, shape_of
from master.api.outages import UNANSWERED, unanswered
from master.api.sealing import SealError
from master.api.watchers import Change
from master.store.contract import CompactedError, Event, EventType, KeyValue, Range, SlowWatcherError, Store

log = logging.getLogger(__name__)

HISTORY = 2000
"""Revisions replayed at a start."""
DECODED = 1000
"""Decoded objects kept for `get` and `list`, of all kinds."""
QUEUE = 100_000
PAGE = 1000

PROTOBUF_MAGIC = b"k8s\0"
UNREADABLE = (ApiError, SealError, ValueError, KeyError, TypeError, AttributeError)

Opener = Callable[[bytes, bytes], bytes]
"""(key, stored value) → the value in the clear."""


class Cache:
    """All collections; implements `Reader` for authentication, authorization and admission."""

    def __init__(self, store: Store, kinds: Iterable[Kind], opener: Opener | None = None) -> None:
        self._store = store
        self._open = opener
        self._collections: dict[tuple[str, str], Collection] = {}
        self._by_prefix: dict[bytes, Collection] = {}
        self._prepared: dict[bytes, tuple[bytes, bytes, Attributes]] = {}
        self._decoded: dict[Entry, Object] = {}
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = count()
        self._unread: list[Collection] = []
        self._reformed: list[Collection] = []
        self.reloaded: list[Callable[[], None]] = []
        """Called after everything was loaded anew, without a word about single changes."""
        self.revision = 0
        for kind in kinds:
            self.add_kind(kind)

    def add_kind(self, kind: Kind) -> Collection:
        """Kinds that share a storage prefix (two versions of one) share the first one's collection."""
        collection = self._by_prefix.get(kind.storage_prefix().encode()[:-1]) or Collection(kind)
        self._by_prefix[collection.prefix[:-1]] = collection
        self._collections[kind.group, kind.plural] = collection
        self._unread.append(collection)
        return collection

    def change_kind(self, kind: Kind) -> None:
        """The kind of a collection's name is another now: its objects are read anew, as they were stored, in its form.

        Watches go on, unless they were promised the bytes of another version or of no conversion.
        """
        collection = self.collection(kind)
        before, converted = collection.shape.head, _is_converted(collection.kind)
        collection.become(kind)
        if _is_converted(kind) is not converted:
            self._unread.append(collection)
            return
        for watcher in collection.watchers if collection.shape.head != before else ():
            watcher.lost()
        self._reformed.append(collection)

    def drop_kind(self, kind: Kind) -> None:
        """Nothing of the kind is kept any more; its watches end."""
        collection = self._collections.pop((kind.group, kind.plural))
        self._by_prefix.pop(collection.prefix[:-1], None)
        for waiting in (self._unread, self._reformed):
            waiting[:] = [one for one in waiting if one is not collection]
        for watcher in collection.watchers:
            watcher.lost()

    def collection(self, kind: Kind) -> Collection:
        return self._collections[kind.group, kind.plural]

    @property
    def collections(self) -> list[Collection]:
        return list(self._by_prefix.values())

    def listen(self, kind: Kind, listener: Listener) -> None:
        """Call `listener` with every change of the kind, at once; it must not wait and must not raise."""
        self.collection(kind).listeners.append(listener)

    # Freshness

    async def fresh(self) -> int:
        """Wait until everything acknowledged so far, to whichever master, is visible; the revision reached."""
        try:
            latest = await self._store.latest()
        except UNANSWERED as error:
            raise unanswered(error, "be read") from error
        if self.revision < latest:
            await self.reach(latest)
        return self.revision

    async def reach(self, revision: int) -> None:
        """Wait until the cache has applied `revision`."""
        if self.revision >= revision:
            return
        reached = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, next(self._tickets), reached))
        await reached

    def _advance(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        while self._waiting and self._waiting[0][0] <= self.revision:
            reached = heapq.heappop(self._waiting)[2]
            if not reached.done():
                reached.set_result(None)

    # Following the store

    def expect(self, key: bytes, stored: bytes, tail: bytes, attributes: Attributes) -> None:
        """A write under way: spares decoding its value again when it comes back through the log."""
        self._prepared[key] = (stored, tail, attributes)

    def forget(self, key: bytes) -> None:
        self._prepared.pop(key, None)

    async def start(self) -> asyncio.Task[None]:
        """Load everything, then follow; returns when reads are fresh, with the task that follows."""
        target = self._store.revision
        task = asyncio.create_task(self.run(), name="watch cache")
        reached = asyncio.create_task(self.reach(target))
        await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED)
        if not reached.done():
            reached.cancel()
            await task
        return task

    async def run(self) -> None:
        """Follow the log for ever; start over from a new load when the log was lost."""
        while True:
            base = max(self._store.compact_revision, self._store.revision - HISTORY, 1)
            with suppress(CompactedError):
                await self._load(base)
                await self._follow(base + 1)

    async def _follow(self, revision: int) -> None:
        watch = await self._store.watch(b"\0", b"\0", revision, queue=QUEUE)
        try:
            async for reached, events in watch:
                for event in events:
                    self._apply(event)
                await self._read_new(reached)
                self._advance(reached)
        except SlowWatcherError:
            log.error("watch cache fell behind the store at revision=%d; loading again", self.revision)
        finally:
            await watch.close()

    async def _load(self, revision: int) -> None:
        self._unread = list(self._by_prefix.values())
        await self._read_new(revision)
        self._decoded.clear()
        for callback in self.reloaded:
            callback()
        await self._read_new(revision)
        self.revision = revision
        self._advance(revision)

    async def _read_new(self, revision: int) -> None:
        """Load the collections that nothing was read of yet, or in another form; callers of `fresh` wait for it."""
        while self._reformed:
            await self._fill(self._reformed.pop(), revision)
            self._decoded.clear()
        while self._unread:
            collection = self._unread.pop()
            await self._fill(collection, revision)
            collection.changes.clear()
            collection.floor = collection.newest = revision
            for watcher in collection.watchers:
                watcher.lost()

    async def _fill(self, collection: Collection, revision: int) -> None:
        entries = [self._entry(collection, kv) for kv in await self._read(collection.prefix, revision)]
        collection.fill(entry for entry in entries if entry is not None)

    async def _read(self, prefix: bytes, revision: int) -> list[KeyValue]:
        start, end, kvs = prefix, prefix[:-1] + b"0", []
        while True:
            page = await self._store.range(Range(start, end, PAGE, revision))
            kvs += page.kvs
            if not page.more:
                return kvs
            start = page.kvs[-1].key + b"\0"

    def _apply(self, event: Event) -> None:
        key = event.kv.key
        path = key.rpartition(b"/")[0]
        collection = self._by_prefix.get(path) or self._by_prefix.get(path.rpartition(b"/")[0])
        if collection is None:
            return
        entry = self._entry(collection, event.kv) if event.type is EventType.PUT else None
        if entry is not None:
            change: Change | None = collection.put(entry)
        else:
            change = collection.drop(key[len(collection.prefix) :].decode(), event.kv.mod_revision)
        if change is not None:
            self._publish(collection, change)

    def _publish(self, collection: Collection, change: Change) -> None:
        if change.old is not None:
            self._decoded.pop(change.old, None)
        collection.remember(change)
        for listener in collection.listeners:
            listener(change)
        collection.watchers.tell(change)

    def _entry(self, collection: Collection, kv: KeyValue) -> Entry | None:
        """None for a value that cannot be read, which is as good as no object."""
        prepared = self._prepared.pop(kv.key, None)
        if prepared is not None and prepared[0] == kv.value:
            namespace, _, name = kv.key[len(collection.prefix) :].decode().rpartition("/")
            return Entry(collection.shape, namespace, name, prepared[1], kv.mod_revision, prepared[2])
        try:
            return self.read_value(collection, kv)
        except UNREADABLE as error:
            log.error("left out what cannot be read key=%s revision=%d: %s", kv.key.decode(), kv.mod_revision, error)
            return None

    def read_value(self, collection: Collection, kv: KeyValue) -> Entry:
        """An entry from any value the store holds: sealed, or in another order than ours."""
        namespace, _, name = kv.key[len(collection.prefix) :].decode().rpartition("/")
        clear = self._open(kv.key, kv.value) if self._open is not None else kv.value
        obj: Object = (
            _from_protobuf(collection.kind, clear) if clear.startswith(PROTOBUF_MAGIC) else orjson.loads(clear)
        )
        if collection.kind.custom is None and clear.startswith(collection.shape.head):
            tail, attributes = collection.shape.tail(clear), attributes_of(collection.kind, obj)
            return Entry(collection.shape, namespace, name, tail, kv.mod_revision, attributes)
        return self._formed(collection, obj, namespace, kv.mod_revision)

    def _formed(self, collection: Collection, obj: Object, namespace: str, revision: int) -> Entry:
        """An object in its collection's form; what the schema of a custom kind knows by now, it has.

        Where a webhook converts between versions, an object stays in the version it was stored in.
        """
        kind, shape = collection.kind, collection.shape
        if kind.custom is not None:
            version = str(obj.get("apiVersion", "")).rpartition("/")[2]
            if kind.custom.webhook is not None and version != kind.version:
                shape = shape_of(replace(kind, version=version))
            else:
                obj = kind.custom.present(obj)
        tail, attributes = shape.tail(shape.encode(obj)), attributes_of(kind, obj)
        return Entry(shape, namespace, obj["metadata"]["name"], tail, revision, attributes)

    # Reader

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The decoded object, shared by all who ask: never to be changed."""
        entry = self.collection(kind).find(namespace, name)
        return None if entry is None else self._decode(entry)

    def list(self, kind: Kind, namespace: str = "") -> list[Object]:
        return [self._decode(entry) for entry in self.collection(kind).slice(namespace)[0]]

    def find_kind(self, api_version: str, kind: str) -> Kind | None:
        """The row of a stored kind by its name and its group, in whatever version it is stored."""
        group = api_version.rpartition("/")[0]
        rows = (collection.kind for collection in self._collections.values())
        return next((row for row in rows if (row.group, row.kind) == (group, kind)), None)

    def _decode(self, entry: Entry) -> Object:
        found = self._decoded.get(entry)
        if found is None:
            if len(self._decoded) >= DECODED:
                self._decoded.pop(next(iter(self._decoded)))
            found = self._decoded[entry] = entry.decode()
        return found


def _is_converted(kind: Kind) -> bool:
    return kind.custom is not None and kind.custom.webhook is not None


def _from_protobuf(kind: Kind, value: bytes) -> Object:
    """What kube-apiserver has put into the same etcd."""
    return decode(value, PROTOBUF, kind, "Ignore")[0]
