"""Reads a protobuf message into the plain object its JSON would be.

As in kube/decoding/coercion.py, a definition is compiled once into a table, here from field number to a reader of the payload.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

import orjson

from kube import schemas, times
from kube.protobuf import tables, wire
from kube.schemas import Shape

Read = Callable[[bytes], Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(Enum):
    """Where a field's payload goes in the object."""

    FIELD = 0
    LIST = 1
    MAP = 2
    LIFTED = 3


FIELD, LIST, MAP = Place.FIELD, Place.LIST, Place.MAP


class Slot(NamedTuple):
    """What to do with one field; `read` takes an int for a varint, else bytes; `table` is of the lifted fields."""

    place: Place
    name: str
    read: Callable[[Any], Any]
    table: Table


# By tag: the field's number and wire type as they stand on the wire.
Table = dict[int, Slot]
_tables: dict[str, Table] = {}


def read_message(definition: str, data: bytes) -> dict[str, Any]:
    """The object of a message; ValueError when the bytes are none."""
    target: dict[str, Any] = {}
    _read_into(table_of(definition), data, target)
    return target


def table_of(definition: str) -> Table:
    if definition not in _tables:
        table = _tables[definition] = {}
        fields = schemas.definition(definition).fields
        for name, path in tables.paths(definition).items():
            inner = table
            for number in path[:-1]:
                lifted = Slot(Place.LIFTED, "", bytes, {})
                inner = inner.setdefault(number << 3 | wire.BYTES, lifted).table
            wire_type, slot = _slot(name, fields[name].shape)
            inner[path[-1] << 3 | wire_type] = slot
    return _tables[definition]


def _read_into(table: Table, data: bytes, target: dict[str, Any]) -> None:
    """The loop over a message's fields; lengths and tags below 128 are read in place, for speed."""
    at, end = 0, len(data)
    while at < end:
        tag = data[at]
        at += 1
        if tag > 0x7F:
            tag, at = wire.read_varint(data, at - 1)
        slot = table.get(tag)
        if slot is None:
            at = _unexpected(table, tag, data, at, target)
            continue
        if tag & 7 == wire.BYTES and at < end and (length := data[at]) < 0x80:
            stop = at + 1 + length
            if stop > end:
                raise ValueError(wire.TRUNCATED)
            payload: Any = data[at + 1 : stop]
            at = stop
        else:
            payload, at = _payload(data, at, tag & 7)
        place, name, read, lifted = slot
        if place is FIELD:
            target[name] = read(payload)
        elif place is LIST:
            target.setdefault(name, []).append(read(payload))
        elif place is MAP:
            key, value = _entry(payload)
            target.setdefault(name, {})[key] = read(value)
        else:
            _read_into(lifted, payload, target)


def _payload(data: bytes, at: int, wire_type: int) -> tuple[Any, int]:
    if wire_type == wire.VARINT:
        return wire.read_varint(data, at)
    if wire_type == wire.BYTES:
        length, at = wire.read_varint(data, at)
        stop = at + length
    else:
        stop = at + 8
    if stop > len(data):
        raise ValueError(wire.TRUNCATED)
    return data[at:stop], stop


def _unexpected(table: Table, tag: int, data: bytes, at: int, target: dict[str, Any]) -> int:
    """Skips an unknown field, unpacks numbers that come packed into one chunk; another wire type is a fault."""
    packed = table.get(tag - wire.BYTES + wire.VARINT) if tag & 7 == wire.BYTES else None
    if packed is not None and packed.place is LIST:
        chunk, stop = _payload(data, at, wire.BYTES)
        inside = 0
        while inside < len(chunk):
            number, inside = wire.read_varint(chunk, inside)
            target.setdefault(packed.name, []).append(packed.read(number))
        return stop
    for other in (wire.VARINT, wire.FIXED64, wire.BYTES):
        known = table.get(tag & ~7 | other)
        if known is not None:
            raise ValueError(f"proto: wrong wireType = {tag & 7} for field {known.name}")
    return wire.skip(data, at, tag & 7)


def _entry(data: bytes) -> tuple[str, bytes]:
    """A map's entry: the key is field 1, the value's payload field 2."""
    key, value, at = "", b"", 0
    while at < len(data):
        tag, at = wire.read_varint(data, at)
        if tag & 7 != wire.BYTES:
            at = wire.skip(data, at, tag & 7)
            continue
        payload, at = _payload(data, at, wire.BYTES)
        if tag >> 3 == 1:
            key = _text(payload)
        elif tag >> 3 == 2:
            value = payload
    return key, value


def _slot(name: str, shape: Shape) -> tuple[int, Slot]:
    """The wire type and slot of a field."""
    element = shape.element
    if shape.form == "list" and element:
        wire_type, read = _value(element)
        return wire_type, Slot(LIST, name, read, {})
    if shape.form == "map" and element:
        read = _texts if element.form == "list" else _value(element)[1]
        return wire.BYTES, Slot(MAP, name, read, {})
    wire_type, read = _value(shape)
    return wire_type, Slot(FIELD, name, read, {})


def _value(shape: Shape) -> tuple[int, Read]:
    if shape.form == "ref":
        return wire.BYTES, _REFERENCES.get(shape.ref) or _message(shape.ref)
    return _SCALARS[shape.form]


def _message(definition: str) -> Read:
    def read(data: bytes) -> dict[str, Any]:
        target: dict[str, Any] = {}
        _read_into(table_of(definition), data, target)
        return target

    return read


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _double(data: bytes) -> float:
    value: float = struct.unpack("<d", data)[0]
    return value


_SCALARS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "string": (wire.BYTES, _text),
    "bytes": (wire.BYTES, _base64),
    "int32": (wire.VARINT, wire.signed32),
    "int64": (wire.VARINT, wire.signed),
    "boolean": (wire.VARINT, bool),
    "double": (wire.FIXED64, _double),
}


def fields(data: bytes) -> dict[int, Any]:
    """The last payload of each field number: for the few messages that are no objects."""
    found: dict[int, Any] = {}
    at = 0
    while at < len(data):
        tag, at = wire.read_varint(data, at)
        if tag & 7 in (wire.VARINT, wire.BYTES):
            found[tag >> 3], at = _payload(data, at, tag & 7)
        else:
            at = wire.skip(data, at, tag & 7)
    return found


def _texts(data: bytes) -> list[str]:
    """A message whose field 1 is a list of texts, where JSON has the list alone."""
    texts: list[str] = []
    at = 0
    while at < len(data):
        tag, at = wire.read_varint(data, at)
        payload, at = _payload(data, at, tag & 7)
        texts.append(_text(payload))
    return texts


def _moment(data: bytes) -> datetime | None:
    found = fields(data)
    if not found:
        return None
    seconds = wire.signed(found.get(1, 0))
    try:
        return EPOCH + timedelta(seconds=seconds, microseconds=found.get(2, 0) // 1000)
    except OverflowError as error:
        raise ValueError(f"time out of range: {seconds}") from error


def _time(data: bytes) -> str | None:
    moment = _moment(data)
    return times.text(moment) if moment else None


def _micro_time(data: bytes) -> str | None:
    moment = _moment(data)
    return times.micro_text(moment) if moment else None


def _quantity(data: bytes) -> str:
    return _text(fields(data).get(1, b"0")) or "0"


def _int_or_string(data: bytes) -> int | str:
    found = fields(data)
    return _text(found.get(3, b"")) if found.get(1) else wire.signed32(found.get(2, 0))


def _raw_json(data: bytes) -> Any:
    raw = fields(data).get(1, b"")
    return orjson.loads(raw) if raw else None


def _schema_or_list(data: bytes) -> Any:
    one = fields(data).get(1)
    return _PROPS(one) if one is not None else [_PROPS(item) for item in _repeated(data, 2)]


def _schema_or_bool(data: bytes) -> Any:
    found = fields(data)
    return _PROPS(found[2]) if 2 in found else bool(found.get(1, 0))


def _schema_or_texts(data: bytes) -> Any:
    one = fields(data).get(1)
    return _PROPS(one) if one is not None else [_text(item) for item in _repeated(data, 2)]


def _repeated(data: bytes, number: int) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        tag, at = wire.read_varint(data, at)
        payload, at = _payload(data, at, tag & 7)
        if tag >> 3 == number:
            found.append(payload)
    return found


_PROPS = _message(schemas.APIEXTENSIONS + "JSONSchemaProps")

_REFERENCES: dict[str, Read] = {
    schemas.TIME: _time,
    schemas.MICRO_TIME: _micro_time,
    schemas.QUANTITY: _quantity,
    schemas.INT_OR_STRING: _int_or_string,
    schemas.RAW: _raw_json,
    schemas.FIELDS_V1: _raw_json,
    schemas.ANY_JSON: _raw_json,
    schemas.SCHEMA_OR_ARRAY: _schema_or_list,
    schemas.SCHEMA_OR_BOOL: _schema_or_bool,
    schemas.SCHEMA_OR_STRINGS: _schema_or_texts,
}
