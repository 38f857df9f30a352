"""The verbs on resources: what get, list, watch, create, update, patch, delete and deletecollection do with a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp import web

from kube import times
from kube.apply import parse_applied, repeated_keys, server_side_apply
from kube.decoding import DELETE_OPTIONS, decode, recode
from kube.errors import ApiError, Cause, invalid
from master.api import views
from master.api.calls import Call, success
from master.api.contract import Object
from master.api.entries import Entry
from master.api.lists import Lists
from master.api.media import patch_type, streamable
from master.api.metadata import place
from master.api.options import Deletion, Writing, read_deletion, read_listing
from master.api.patching import patched
from master.api.registry import Change as Changing
from master.api.registry import Registry
from master.api.traits import DELETED_RETURNED, has
from master.api.watch_streams import frame_of
from master.api.watching import Watches

APPLY = "application/apply-patch+yaml"


@dataclass(slots=True)
class Rooms:
    """What the verbs work with."""

    registry: Registry
    lists: Lists
    watches: Watches


Verb = Callable[[Rooms, Call], Awaitable[web.StreamResponse]]


async def answered(rooms: Rooms, call: Call, entry: Entry, status: int = 200) -> web.StreamResponse:
    """The entry in the version asked for."""
    return call.entry(await rooms.registry.converting.entry(call.stored, entry), status)


async def get(rooms: Rooms, call: Call) -> web.StreamResponse:
    entry = await rooms.registry.get(call.stored, call.namespace, call.info.name)
    return await answered(rooms, call, entry)


async def list_(rooms: Rooms, call: Call) -> web.StreamResponse:
    listing = read_listing(call.kind, call.namespace, call.query)
    page = await rooms.lists.read(call.stored, listing)
    meta = views.list_meta(page.revision, page.token, page.remaining)
    return await call.pieces(views.list_pieces(page.entries, call.version, call.form, meta, call.include))


async def watch(rooms: Rooms, call: Call) -> web.StreamResponse:
    listing = read_listing(call.kind, call.namespace, call.query)
    wanted = rooms.watches.wanted(call.version, streamable(call.form), call.include, frame_of(call.request))
    return await rooms.watches.serve(call.request, listing, wanted)


async def create(rooms: Rooms, call: Call) -> web.StreamResponse:
    writing = call.writing()
    obj = call.version.to_stored(await call.object(call.kind, writing))
    return await answered(rooms, call, await rooms.registry.create(call.stored, call.namespace, obj, writing), 201)


async def update(rooms: Rooms, call: Call) -> web.StreamResponse:
    writing = call.writing()
    change = await replacing(call, writing)
    entry, created = await rooms.registry.update(
        call.stored, call.namespace, call.info.name, change, writing, call.info.subresource
    )
    return await answered(rooms, call, entry, 201 if created else 200)


async def replacing(call: Call, writing: Writing) -> Changing:
    """A change to what the body says, read again for every attempt since a write fills its object in."""
    first = [await call.object(call.kind, writing)]
    place(call.kind, first[0], call.namespace, call.info.name)
    body, media = await call.body(), call.content_type

    def change(_old: Object | None) -> Object:
        obj = first.pop() if first else decode(body, media, call.kind, writing.field_validation)[0]
        return call.version.to_stored(obj)

    return change


async def patch(rooms: Rooms, call: Call) -> web.StreamResponse:
    writing, media, body = call.writing(), patch_type(call.content_type), await call.body()
    if media == APPLY:
        writing, change = applying(call, writing, body)
    else:
        change = patching(call, writing, body, media)
    entry, created = await rooms.registry.update(
        call.stored, call.namespace, call.info.name, change, writing, call.info.subresource
    )
    return await answered(rooms, call, entry, 201 if created else 200)


def patching(call: Call, writing: Writing, body: bytes, media: str) -> Changing:
    version = call.version

    def change(old: Object | None) -> Object:
        if old is None:
            raise ApiError(404, "NotFound", f'{call.kind.qualified} "{call.info.name}" not found')
        new, warnings = patched(version.kind, version.present(old), body, media, writing.field_validation)
        for warning in warnings:
            call.warn(warning)
        return version.to_stored(new)

    return change


def check_manager(call: Call) -> None:
    """Who applies says who that is."""
    if not call.query.get("fieldManager"):
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid("PatchOptions", "", [cause], "meta.k8s.io")


def applying(call: Call, writing: Writing, body: bytes) -> tuple[Writing, Changing]:
    """A server-side apply: what the manager wants is merged with what others own."""
    check_manager(call)
    wanted = parse_applied(body, call.kind)
    version, now = call.version, times.now()

    def change(live: Object | None) -> Object:
        present = version.present(live) if live is not None else None
        merged = server_side_apply(
            call.kind, present, wanted, writing.manager, writing.force, now, call.info.subresource
        )
        for complaint in repeated_keys(body, writing.field_validation):
            call.warn(complaint)
        return version.to_stored(recode(merged, call.kind, writing.field_validation)[0])

    return replace(writing, applying=True), change


async def delete(rooms: Rooms, call: Call) -> web.StreamResponse:
    deletion, writing = await deleting(call)
    entry, gone = await rooms.registry.delete(call.stored, call.namespace, call.info.name, deletion, writing)
    if gone and not has(DELETED_RETURNED, call.kind):
        uid = orjson.loads(entry.data)["metadata"].get("uid", "")
        return call.shown(success(call.kind, entry.name, uid))
    waits = not gone and (deletion.propagation == "Foreground" or deletion.orphan is False)
    return await answered(rooms, call, entry, 202 if waits else 200)


async def delete_collection(rooms: Rooms, call: Call) -> web.StreamResponse:
    deletion, writing = await deleting(call)
    page = await rooms.lists.read(call.stored, read_listing(call.kind, call.namespace, call.query))
    for entry in page.entries:
        try:
            await rooms.registry.delete(call.stored, entry.namespace, entry.name, deletion, writing)
        except ApiError as error:
            if error.status != 404:
                raise
    meta = views.list_meta(page.revision, page.token, page.remaining)
    return await call.pieces(views.list_pieces(page.entries, call.version, call.form, meta, call.include))


async def deleting(call: Call) -> tuple[Deletion, Writing]:
    body: Any = None
    if call.request.can_read_body and (raw := await call.body()):
        body, _ = decode(raw, call.content_type or "application/json", DELETE_OPTIONS, "Ignore")
    deletion = read_deletion(call.query, body)
    return deletion, Writing(call.user, dry_run=deletion.dry_run, warn=call.warn, options=body or {})


VERBS: dict[str, Verb] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
