"""The scale subresource: an object's replicas, read and written as a Scale whatever its kind.

Contract: a write of the Scale is a write of the object's replicas and of nothing else; an apply owns that one field.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from kube import selectors, times
from kube.apply import parse_applied, server_side_apply
from kube.decoding import SCALE, decode, recode
from kube.errors import Cause, bad_request, invalid, not_found
from kube.kinds import Kind
from master.api import views
from master.api.calls import Call
from master.api.contract import Object, Part
from master.api.entries import Entry
from master.api.media import patch_type
from master.api.options import Writing
from master.api.patching import patched
from master.api.registry import Change
from master.api.tables import table
from master.api.verbs import APPLY, Rooms, check_manager


def scale_of(kind: Kind, obj: Object) -> Object:
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    wanted, present, selector = kind.custom.counts(obj) if kind.custom is not None else _counts(obj)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": wanted} if wanted else {},
        "status": {"replicas": present} | ({"selector": selector} if selector else {}),
    }


def _counts(obj: Object) -> tuple[int | None, int, str]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return spec.get("replicas"), status.get("replicas", 0), _selector_text(spec.get("selector"))


def _selector_text(selector: Any) -> str:
    """Of a LabelSelector, or of the plain map that ReplicationControllers have."""
    if not selector:
        return ""
    structured = selector.keys() <= {"matchLabels", "matchExpressions"}
    return selectors.label_text((selectors.from_object if structured else selectors.from_labels)(selector))


async def scale(rooms: Rooms, call: Call) -> web.StreamResponse:
    if call.info.verb == "get":
        entry = await rooms.registry.get(call.stored, call.namespace, call.info.name)
        return await _shown(rooms, call, entry)
    writing, change = await _change(call)
    part = Part(SCALE, partial(scale_of, call.kind), partial(_scaled, call.kind))
    entry, _ = await rooms.registry.update(call.stored, call.namespace, call.info.name, change, writing, "scale", part)
    return await _shown(rooms, call, entry)


async def _shown(rooms: Rooms, call: Call, entry: Entry) -> web.StreamResponse:
    found = scale_of(call.kind, (await rooms.registry.converting.entry(call.stored, entry)).decode())
    if call.form.view == "Table":
        meta = {"resourceVersion": str(entry.revision)}
        return call.answer(views.encode(table(SCALE, [found], meta, call.include), call.form))
    return call.shown(found)


async def _change(call: Call) -> tuple[Writing, Change]:
    """What the request makes of the object, by the language its body is in."""
    writing, body, media = call.writing(), await call.body(), call.content_type
    if call.info.verb == "patch":
        media = patch_type(media)
    if media == APPLY:
        check_manager(call)
        return replace(writing, applying=True), partial(_applied, call, writing, parse_applied(body, SCALE))

    def change(old: Object | None) -> Object:
        present = _present(call, old)
        if call.info.verb == "patch":
            wanted, _ = patched(SCALE, scale_of(call.kind, present), body, media, writing.field_validation)
        else:
            wanted, _ = decode(body, media or "application/json", SCALE, writing.field_validation)
        return _scaled(call.kind, present, wanted)

    return writing, change


def _present(call: Call, old: Object | None) -> Object:
    if old is None:
        raise not_found(call.kind.plural, call.info.name, call.kind.group)
    return old


def _applied(call: Call, writing: Writing, applied: Object, old: Object | None) -> Object:
    """The Scale's one field, applied where the object has it."""
    present = _present(call, old)
    wanted, _ = recode(applied, SCALE, writing.field_validation)
    named: Object = {"metadata": {"name": call.info.name}}
    part = _scaled(call.kind, named, wanted) | {"apiVersion": call.kind.api_version, "kind": call.kind.kind}
    now = times.now()
    return server_side_apply(call.kind, present, part, writing.manager, writing.force, now, "scale")


def _scaled(kind: Kind, old: Object, wanted: Object) -> Object:
    meta, name = wanted.get("metadata") or {}, old["metadata"]["name"]
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if meta.get("name", name) != name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
    if replicas < 0:
        said = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid("Scale", name, [Cause("FieldValueInvalid", said, "spec.replicas")], "autoscaling")
    if meta.get("resourceVersion"):
        old["metadata"]["resourceVersion"] = meta["resourceVersion"]
    if kind.custom is not None:
        kind.custom.scale(old, replicas)
    else:
        old.setdefault("spec", {})["replicas"] = replicas
    return old
