"""Answers as bytes: objects and lists in the form the client asked for.

Stored bytes go out as they are wherever they can; every other form decodes once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import yaml

from kube.kinds import Kind
from kube.protobuf import encode_protobuf, wire
from master.api.entries import Entry, items, shape_of
from master.api.media import META, PROTOBUF, YAML, Form
from master.api.tables import table
from master.api.versions import Version

Object = dict[str, Any]
META_V1 = f"{META}/v1"


def encode(obj: Any, form: Form) -> bytes:
    if form.format == YAML:
        text: bytes = yaml.dump(obj, Dumper=_DUMPER, default_flow_style=False, allow_unicode=True, encoding="utf-8")
        return text
    if form.format == PROTOBUF:
        return encode_protobuf(obj)
    return orjson.dumps(obj, option=orjson.OPT_INDENT_2) if form.pretty else orjson.dumps(obj)


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def object_of(entry: Entry, version: Version) -> Object:
    """The entry's object in the version asked for."""
    return version.present(entry.decode())


def entry_bytes(entry: Entry, version: Version, form: Form, include: str = "Metadata", headed: bool = True) -> bytes:
    if form.plain and version.is_stored:
        return entry.full()
    obj = object_of(entry, version)
    if form.view == "Table":
        return encode(table(version.kind, [obj], {"resourceVersion": str(entry.revision)}, include, headed), form)
    return encode(partial(obj) if form.view else obj, form)


def partial(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": META_V1, "metadata": obj["metadata"]}


def list_meta(revision: int, token: str = "", remaining: int = 0) -> Object:
    meta: Object = {"resourceVersion": str(revision)}
    if token:
        meta["continue"] = token
    if remaining:
        meta["remainingItemCount"] = remaining
    return meta


def list_pieces(
    entries: Sequence[Entry], version: Version, form: Form, meta: Object, include: str = "Metadata"
) -> list[bytes]:
    """A list's body, in pieces that only have to be joined."""
    if form.plain and version.is_stored:
        return _plain(entries, version.kind, meta)
    return [_converted(entries, version, form, meta, include)]


def _converted(entries: Sequence[Entry], version: Version, form: Form, meta: Object, include: str) -> bytes:
    objects = [object_of(entry, version) for entry in entries]
    if form.view == "Table":
        return encode(table(version.kind, objects, meta, include), form)
    if form.view:
        items = [partial(obj) for obj in objects]
        listed = {"kind": "PartialObjectMetadataList", "apiVersion": META_V1, "metadata": meta, "items": items}
        return encode(listed, form)
    for obj in objects:
        if form.format != PROTOBUF and version.kind.custom is None:
            del obj["kind"], obj["apiVersion"]
    kind = version.kind
    return encode({"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": meta, "items": objects}, form)


def _plain(entries: Sequence[Entry], kind: Kind, meta: Object) -> list[bytes]:
    """Items of built-in kinds leave their type to the list's; those of custom kinds name it, as upstream's do."""
    typed = kind.custom is not None
    if typed:
        meta = {"continue": ""} | meta
    head = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        kind.list_kind.encode(),
        kind.api_version.encode(),
        orjson.dumps(meta),
    )
    return [head, *(items(entries, shape_of(kind).head) if typed else items(entries)), b"]}"]


def event_bytes(
    type: str, entry: Entry, version: Version, form: Form, include: str = "Metadata", headed: bool = True
) -> bytes:
    """One frame of a watch."""
    return _event(type, entry_bytes(entry, version, form, include, headed), form)


def bookmark_bytes(version: Version, form: Form, revision: int, initial_end: bool = False) -> bytes:
    meta: Object = {"resourceVersion": str(revision)}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    kind = version.kind
    obj: Object = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta}
    if form.view == "Table":
        obj = {"kind": "Table", "apiVersion": META_V1, "metadata": meta, "columnDefinitions": [], "rows": []}
    elif form.view:
        obj = partial(obj)
    return _event("BOOKMARK", encode(obj, form), form)


def error_event(status: Object, form: Form) -> bytes:
    return _event("ERROR", encode(status, form), form)


def _event(type: str, obj: bytes, form: Form) -> bytes:
    """A line of JSON; for protobuf a WatchEvent (meta/v1: type 1, object 2, whose raw is 1) after its length."""
    if form.format != PROTOBUF:
        return b'{"type":"%b","object":%b}\n' % (type.encode(), obj)
    message = wire.chunk(1, type.encode()) + wire.chunk(2, wire.chunk(1, obj))
    return len(message).to_bytes(4, "big") + message
