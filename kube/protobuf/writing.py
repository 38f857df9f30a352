"""Writes an object as the protobuf message of its definition."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import orjson

from kube import schemas, times
from kube.protobuf import tables, wire
from kube.protobuf.reading import EPOCH
from kube.schemas import Shape

Write = Callable[[Any], bytes]
# By field: the numbers of the embedded structs around it, outermost first, and the writer of the field itself.
Plan = dict[str, tuple[tuple[int, ...], Write]]

_plans: dict[str, Plan] = {}


def write_message(definition: str, obj: dict[str, Any]) -> bytes:
    """The message of an object; what the definition does not know is left out."""
    plan = _plans.get(definition) or _plan(definition)
    parts: list[bytes] = []
    lifted: dict[tuple[int, ...], bytes] = {}
    for name, value in obj.items():
        if value is not None and name in plan:
            path, write = plan[name]
            if path:
                lifted[path] = lifted.get(path, b"") + write(value)
            else:
                parts.append(write(value))
    # An embedded struct may come twice on the wire, where fields of it lie at two depths: readers merge the two.
    for path, inside in lifted.items():
        for number in reversed(path):
            inside = wire.chunk(number, inside)
        parts.append(inside)
    return b"".join(parts)


def _plan(definition: str) -> Plan:
    fields = schemas.definition(definition).fields
    plan = _plans[definition] = {}
    for name, path in tables.paths(definition).items():
        plan[name] = (path[:-1], _field(path[-1], fields[name].shape))
    return plan


def _field(number: int, shape: Shape) -> Write:
    """The writer of a whole field, tag and all."""
    if shape.form == "list":
        assert shape.element is not None
        one = _value(number, shape.element)
        return lambda values: b"".join([one(value) for value in values])
    if shape.form == "map":
        assert shape.element is not None
        return _map(number, shape.element)
    return _value(number, shape)


def _map(number: int, element: Shape) -> Write:
    value = _texts if element.form == "list" else _value(2, element)
    return lambda values: b"".join(
        [wire.chunk(number, wire.chunk(1, key.encode()) + value(values[key])) for key in sorted(values)]
    )


def _texts(values: list[str]) -> bytes:
    return wire.chunk(2, b"".join(wire.chunk(1, value.encode()) for value in values))


def _value(number: int, shape: Shape) -> Write:
    head = wire.tag(number, wire.BYTES)
    if shape.form in ("int32", "int64", "boolean"):
        varint = wire.tag(number, wire.VARINT)
        return lambda value: varint + wire.varint(int(value))
    if shape.form == "double":
        fixed = wire.tag(number, wire.FIXED64)
        return lambda value: fixed + struct.pack("<d", value)
    payload = _payload(shape)

    def write(value: Any) -> bytes:
        data = payload(value)
        return head + wire.varint(len(data)) + data

    return write


def _payload(shape: Shape) -> Write:
    if shape.form == "string":
        return str.encode
    if shape.form == "bytes":
        return base64.b64decode
    return _REFERENCES.get(shape.ref) or (lambda value: write_message(shape.ref, value))


def _time(value: str) -> bytes:
    passed = times.parse(value) - EPOCH
    seconds = passed.days * 86400 + passed.seconds
    return (
        wire.tag(1, wire.VARINT)
        + wire.varint(seconds)
        + wire.tag(2, wire.VARINT)
        + wire.varint(passed.microseconds * 1000)
    )


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return wire.tag(1, wire.VARINT) + b"\x01" + wire.chunk(3, value.encode())
    return wire.tag(1, wire.VARINT) + b"\x00" + wire.tag(2, wire.VARINT) + wire.varint(value)


def _raw_json(value: Any) -> bytes:
    return wire.chunk(1, orjson.dumps(value))


def _schema_or_list(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(wire.chunk(2, write_message(_PROPS, item)) for item in value)
    return wire.chunk(1, write_message(_PROPS, value))


def _schema_or_bool(value: Any) -> bytes:
    if isinstance(value, bool):
        return wire.tag(1, wire.VARINT) + wire.varint(value)
    return wire.tag(1, wire.VARINT) + b"\x01" + wire.chunk(2, write_message(_PROPS, value))


def _schema_or_texts(value: Any) -> bytes:
    if isinstance(value, list):
        return b"".join(wire.chunk(2, item.encode()) for item in value)
    return wire.chunk(1, write_message(_PROPS, value))


_PROPS = schemas.APIEXTENSIONS + "JSONSchemaProps"

_REFERENCES: dict[str, Write] = {
    schemas.TIME: _time,
    schemas.MICRO_TIME: _time,
    schemas.QUANTITY: lambda value: wire.chunk(1, str(value).encode()),
    schemas.INT_OR_STRING: _int_or_string,
    schemas.RAW: _raw_json,
    schemas.FIELDS_V1: _raw_json,
    schemas.ANY_JSON: _raw_json,
    schemas.SCHEMA_OR_ARRAY: _schema_or_list,
    schemas.SCHEMA_OR_BOOL: _schema_or_bool,
    schemas.SCHEMA_OR_STRINGS: _schema_or_texts,
}
