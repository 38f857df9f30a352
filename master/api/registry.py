"""The one registry of all kinds: an object's way into the store and out of it.

Contract: every write is one transaction that compares the key's revision; a lost race is repeated on the newer object,
unless the client said which version it meant (409).  Reads come from the watch cache, as fresh as the store.

The way of a write: placed, defaults, field managers, admission mutates, strategy prepares, validation, admission
validates, stored.  The object answered is the bytes stored, never encoded twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from kube import times
from kube.apply import track_update
from kube.errors import Cause, already_exists, conflict, invalid, not_found
from kube.kinds import Kind
from master.api import deletion as deleting
from master.api import metadata, strategies
from master.api.admission.plugin import Plugin
from master.api.cache import Cache
from master.api.collections import Collection
from master.api.contract import Admission, Attributes, Object, Part
from master.api.customs.converting import Converting
from master.api.defaults import apply_defaults
from master.api.entries import Entry, attributes_of
from master.api.options import Deletion, Writing
from master.api.outages import UNANSWERED, unanswered
from master.api.traits import CREATED_BY_UPDATE, VERSION_REQUIRED, has
from master.api.validation import validate_create, validate_update
from master.store.contract import Compare, DeleteRange, Operation, Put, Store, Target, Txn

log = logging.getLogger(__name__)

ATTEMPTS = 16
"""Of a write that lost the race to another; each attempt starts from the newer object."""
NAME_ATTEMPTS = 8
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"

Change = Callable[[Object | None], Object]
"""From the present object (a copy that may be changed; None when there is none) to the wanted one."""
Sealer = Callable[[bytes, bytes], bytes]
OWN_WRITE = Writing()
UNCONVERTED = Converting()


class Registry:
    def __init__(
        self,
        store: Store,
        cache: Cache,
        admission: Sequence[Admission] = (),
        seal: Sealer | None = None,
        converting: Converting = UNCONVERTED,
    ) -> None:
        self.store = store
        self.cache = cache
        self.admission = tuple(admission)
        self._plugins = lru_cache(maxsize=512)(self._plugins_for)
        self._seal = seal
        self.converting = converting

    # Reading

    async def find(self, kind: Kind, namespace: str, name: str) -> Entry | None:
        await self.cache.fresh()
        return self.cache.collection(kind).find(namespace, name)

    async def get(self, kind: Kind, namespace: str, name: str) -> Entry:
        await self.cache.fresh()
        entry = self.cache.collection(kind).find(namespace, name)
        if entry is None:
            raise not_found(kind.plural, name, kind.group)
        return entry

    # Creating

    async def create(self, kind: Kind, namespace: str, obj: Object, writing: Writing = OWN_WRITE) -> Entry:
        metadata.place(kind, obj, namespace)
        generated = not obj["metadata"].get("name") and bool(obj["metadata"].get("generateName"))
        await self._prepare_create(kind, namespace, obj, writing)
        for _ in range(NAME_ATTEMPTS if generated else 1):
            entry = await self._insert(kind, namespace, obj, writing.dry_run)
            if entry is not None:
                return entry
            if generated:
                obj["metadata"]["name"] = metadata.generated_name(obj["metadata"]["generateName"])
        raise already_exists(kind.plural, obj["metadata"]["name"], kind.group)

    async def _prepare_create(self, kind: Kind, namespace: str, obj: Object, writing: Writing) -> None:
        apply_defaults(kind, obj)
        now = times.now()
        if not writing.applying:
            track_update(kind, None, obj, writing.manager, "", now)
        attributes = self._attributes("CREATE", kind, "", namespace, obj, None, writing)
        await self._mutate(attributes)
        metadata.begin(obj, now)
        strategies.prepare_create(kind, obj)
        _refuse(kind, obj["metadata"].get("name", ""), validate_create(kind, obj))
        _warn(writing, strategies.warnings(kind, obj, None))
        attributes.name = obj["metadata"]["name"]
        await self._validate(attributes)

    async def _insert(self, kind: Kind, namespace: str, obj: Object, dry_run: bool) -> Entry | None:
        """None when the name is taken."""
        collection = self.cache.collection(kind)
        name = obj["metadata"]["name"]
        if dry_run:
            await self.cache.fresh()
            return None if collection.find(namespace, name) else await self._entry(collection, namespace, obj, 0)
        return await self._put(collection, namespace, obj, 0)

    # Updating

    async def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        writing: Writing = OWN_WRITE,
        subresource: str = "",
        part: Part | None = None,
    ) -> tuple[Entry, bool]:
        """The entry after `change`, and whether the object was created by it.  Admission is shown `part` of it."""
        for _ in range(ATTEMPTS):
            entry = await self.find(kind, namespace, name)
            if entry is None:
                return await self._create_by_update(kind, namespace, name, change, writing, subresource), True
            present = await self.converting.entry(kind, entry)
            old, new = present.decode(), change(present.decode())
            metadata.place(kind, new, namespace, name)
            _check_version(kind, entry, new)
            await self._prepare_update(kind, namespace, new, old, writing, subresource, part)
            stored = await self._replace(kind, namespace, entry, new, writing.dry_run)
            if stored is not None:
                return stored, False
        raise conflict(kind.plural, name, MODIFIED, kind.group)

    async def _create_by_update(
        self, kind: Kind, namespace: str, name: str, change: Change, writing: Writing, subresource: str
    ) -> Entry:
        if subresource or not (writing.applying or has(CREATED_BY_UPDATE, kind)):
            raise not_found(kind.plural, name, kind.group)
        obj = change(None)
        metadata.place(kind, obj, namespace, name)
        if obj["metadata"].get("resourceVersion"):
            raise not_found(kind.plural, name, kind.group)
        return await self.create(kind, namespace, obj, writing)

    async def _prepare_update(
        self,
        kind: Kind,
        namespace: str,
        new: Object,
        old: Object,
        writing: Writing,
        subresource: str,
        part: Part | None,
    ) -> None:
        metadata.carry_over(kind, new, old)
        if subresource != "status":
            apply_defaults(kind, new)
        if not writing.applying:
            track_update(kind, old, new, writing.manager, subresource, times.now())
        attributes = self._attributes("UPDATE", kind, subresource, namespace, new, old, writing)
        if part is not None:
            attributes.body, attributes.object, attributes.old = part.kind, part.of(new), part.of(old)
        await self._mutate(attributes)
        if part is not None and attributes.object is not None:
            part.put(new, attributes.object)
        strategies.prepare_update(kind, new, old, subresource)
        _refuse(kind, old["metadata"]["name"], validate_update(kind, new, old, subresource))
        if not subresource:
            _warn(writing, strategies.warnings(kind, new, old))
        await self._validate(attributes)

    async def _replace(self, kind: Kind, namespace: str, entry: Entry, new: Object, dry_run: bool) -> Entry | None:
        """None when another write came first."""
        collection = self.cache.collection(kind)
        if deleting.left_by_update(kind, new):
            return await self._remove(collection, entry, new, dry_run)
        if dry_run:
            return await self._entry(collection, namespace, new, entry.revision)
        return await self._put(collection, namespace, new, entry.revision, entry)

    async def rewrite(
        self, kind: Kind, namespace: str, name: str, edit: Callable[[Object], None], dry_run: bool = False
    ) -> Entry:
        """Change an object in place on the server's own behalf (a binding, a budget's count): no defaults, no admission."""
        for _ in range(ATTEMPTS):
            entry = await self.get(kind, namespace, name)
            obj = entry.decode()
            edit(obj)
            stored = await self._replace(kind, namespace, entry, obj, dry_run)
            if stored is not None:
                return stored
        raise conflict(kind.plural, name, MODIFIED, kind.group)

    # Deleting

    async def delete(
        self, kind: Kind, namespace: str, name: str, deletion: Deletion, writing: Writing = OWN_WRITE
    ) -> tuple[Entry, bool]:
        """The object as it is now or was at its end, and whether it is gone."""
        for _ in range(ATTEMPTS):
            entry = await self.get(kind, namespace, name)
            old = (await self.converting.entry(kind, entry)).decode()
            attributes = self._attributes("DELETE", kind, "", namespace, None, old, writing)
            attributes.name = name
            await self._mutate(attributes)
            await self._validate(attributes)
            going = deleting.plan(kind, old, deletion, times.now())
            if not going.changed:
                return entry, False
            stored = await self._go(kind, namespace, entry, going, deletion.dry_run)
            if stored is not None:
                return stored, going.now
        raise conflict(kind.plural, name, MODIFIED, kind.group)

    async def _go(self, kind: Kind, namespace: str, entry: Entry, going: deleting.Going, dry_run: bool) -> Entry | None:
        collection = self.cache.collection(kind)
        if going.now:
            return await self._remove(collection, entry, going.object, dry_run)
        if dry_run:
            return await self._entry(collection, namespace, going.object, entry.revision)
        return await self._put(collection, namespace, going.object, entry.revision)

    # The store

    async def _put(
        self, collection: Collection, namespace: str, obj: Object, revision: int, present: Entry | None = None
    ) -> Entry | None:
        """Store the object if its key is still at `revision` (0: absent); None when it is not."""
        kind, name = collection.kind, obj["metadata"]["name"]
        obj = await self.converting.object(kind, obj)
        data = collection.shape.encode(obj)
        tail = collection.shape.tail(data)
        if present is not None and present.tail == tail:
            return present
        key = kind.storage_key(namespace, name).encode()
        value = self._seal(key, data) if self._seal is not None else data
        attributes = attributes_of(kind, obj)
        self.cache.expect(key, value, tail, attributes)
        revision = await self._commit(key, revision, Put(key, value))
        if not revision:
            self.cache.forget(key)
            return None
        return Entry(collection.shape, namespace, name, tail, revision, attributes)

    async def _remove(self, collection: Collection, entry: Entry, last: Object, dry_run: bool) -> Entry | None:
        if dry_run:
            return await self._entry(collection, entry.namespace, last, entry.revision)
        key = collection.kind.storage_key(entry.namespace, entry.name).encode()
        revision = await self._commit(key, entry.revision, DeleteRange(key))
        if not revision:
            return None
        return await self._entry(collection, entry.namespace, last, revision)

    async def _entry(self, collection: Collection, namespace: str, obj: Object, revision: int) -> Entry:
        """An object that is not stored so: a dry run's, or the last state of one that is gone."""
        obj = await self.converting.object(collection.kind, obj)
        tail = collection.shape.tail(collection.shape.encode(obj))
        attributes = attributes_of(collection.kind, obj)
        return Entry(collection.shape, namespace, obj["metadata"]["name"], tail, revision, attributes)

    async def _commit(self, key: bytes, revision: int, operation: Operation) -> int:
        """The new revision; 0 when the key is not at `revision` any more (and the cache knows by what it was changed)."""
        try:
            result = await self.store.txn(Txn([Compare(key, Target.MOD, "=", revision)], [operation]))
        except UNANSWERED as error:
            raise unanswered(error, "write") from error
        if result.succeeded:
            return result.revision
        await self.cache.reach(result.revision)
        return 0

    # Admission

    def _attributes(
        self,
        operation: str,
        kind: Kind,
        subresource: str,
        namespace: str,
        obj: Object | None,
        old: Object | None,
        writing: Writing,
    ) -> Attributes:
        name = (obj or old or {}).get("metadata", {}).get("name") or ""
        return Attributes(
            operation,
            kind,
            subresource,
            namespace,
            name,
            obj,
            old,
            writing.user,
            writing.dry_run,
            writing.options,
            writing.warn,
        )

    def _plugins_for(self, kind: Kind) -> tuple[list[Admission], list[Admission]]:
        """Those that may change an object of the kind, and those that may refuse it."""
        asked = [plugin for plugin in self.admission if kind in (getattr(plugin, "kinds", None) or (kind,))]
        return (
            [plugin for plugin in asked if type(plugin).mutate is not Plugin.mutate],
            [plugin for plugin in asked if type(plugin).validate is not Plugin.validate],
        )

    async def _mutate(self, attributes: Attributes) -> None:
        for plugin in self._plugins(attributes.kind)[0]:
            await plugin.mutate(attributes)

    async def _validate(self, attributes: Attributes) -> None:
        for plugin in self._plugins(attributes.kind)[1]:
            await plugin.validate(attributes)


def _warn(writing: Writing, messages: list[str]) -> None:
    for message in messages:
        writing.warn(message)


def _refuse(kind: Kind, name: str, causes: Iterable[Cause]) -> None:
    found: list[Any] = list(causes)
    if found:
        raise invalid(kind.kind, name, found, kind.group)


def _check_version(kind: Kind, entry: Entry, new: Object) -> None:
    """409 when the client means another version than the present one."""
    version = new["metadata"].get("resourceVersion")
    if version and version != "0":
        if version != str(entry.revision):
            raise conflict(kind.plural, entry.name, MODIFIED, kind.group)
    elif kind.custom is not None or has(VERSION_REQUIRED, kind):
        said = "Invalid value: 0: must be specified for an update"
        shown = kind.kind if kind.custom is None else kind.plural
        raise invalid(shown, entry.name, [Cause("FieldValueInvalid", said, "metadata.resourceVersion")], kind.group)
