"""Protobuf bodies of the built-in kinds: the four bytes `k8s\\0`, then a `runtime.Unknown` that holds the message.

    obj = decode_protobuf(body)          # a plain object with apiVersion and kind, not yet canonical
    body = encode_protobuf(obj)          # an object, a list of objects, a Status

Clients written in Go send these.  Field numbers are facts in fields.json; field types come from kube/schemas.
"""

from __future__ import annotations

from typing import Any

from kube import schemas
from kube.protobuf import reading, wire, writing
from kube.protobuf.reading import read_message

MAGIC = b"k8s\x00"
LIST_META, OBJECT_META = schemas.META + "ListMeta", schemas.META + "ObjectMeta"

__all__ = ["MAGIC", "decode_protobuf", "encode_message", "encode_protobuf", "read_message", "type_of"]


def type_of(body: bytes) -> tuple[str, str, bytes]:
    """apiVersion, kind and the raw message of a body; ValueError when it is no such envelope."""
    if not body.startswith(MAGIC):
        raise ValueError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    envelope = reading.fields(body[len(MAGIC) :])
    raw_type = envelope.get(1, b"")
    type_meta = reading.fields(raw_type) if isinstance(raw_type, bytes) else {}
    api_version, kind, raw = type_meta.get(1, b""), type_meta.get(2, b""), envelope.get(2, b"")
    if not (isinstance(api_version, bytes) and isinstance(kind, bytes) and isinstance(raw, bytes)):
        raise ValueError("proto: wrong wireType for field TypeMeta")
    return api_version.decode("utf-8", "replace"), kind.decode("utf-8", "replace"), raw


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object of a body, with what the message says and nothing else; ValueError or KeyError (an unknown kind)."""
    api_version, kind, raw = type_of(body)
    obj = read_message(schemas.name_of(api_version, kind), raw)
    return {"apiVersion": api_version, "kind": kind} | obj


def encode_protobuf(obj: dict[str, Any]) -> bytes:
    """The body of an object with apiVersion and kind; KeyError for a kind without a message."""
    api_version, kind = obj["apiVersion"], obj["kind"]
    type_meta = wire.chunk(1, api_version.encode()) + wire.chunk(2, kind.encode())
    return (
        MAGIC + wire.chunk(1, type_meta) + wire.chunk(2, encode_message(obj)) + wire.chunk(3, b"") + wire.chunk(4, b"")
    )


def encode_message(obj: dict[str, Any]) -> bytes:
    """The message alone, without its envelope."""
    api_version, kind = obj["apiVersion"], obj["kind"]
    if kind.endswith("List") and "items" in obj:
        items = [wire.chunk(2, _message(api_version, kind.removesuffix("List"), item)) for item in obj["items"] or ()]
        return wire.chunk(1, writing.write_message(LIST_META, obj.get("metadata") or {})) + b"".join(items)
    return _message(api_version, kind, obj)


def _message(api_version: str, kind: str, obj: dict[str, Any]) -> bytes:
    if kind == "PartialObjectMetadata":  # has no published schema: its one field is the object's metadata
        return wire.chunk(1, writing.write_message(OBJECT_META, obj["metadata"]))
    return writing.write_message(schemas.name_of(api_version, kind), obj)
