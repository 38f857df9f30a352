"""Structural schemas as the types expressions are checked by, and values as those types have them.

A field's name is escaped where CEL could not say it: `a-b` is `a__dash__b`, a reserved word `__namespace__`.  What has no
type cannot be spoken of.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from master.api.cel.functions.times import read_duration, read_time
from master.api.cel.tokens import RESERVED, WORDS
from master.api.cel.values import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    LARGEST,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
)

Object = dict[str, Any]
Adapt = Callable[[Any], Any]

_SCALARS = {"boolean": BOOL, "integer": INT, "number": DOUBLE}
_FORMATS = {"byte": BYTES, "date": TIMESTAMP, "date-time": TIMESTAMP, "duration": DURATION}
_SMALLEST = {"object": 3, "array": 3, "string": 3, "integer": 2, "number": 2, "boolean": 5}
"""Bytes of the shortest value and what parts it from the next: how many of them fit into a request."""
_META = Type("object", fields={"name": ("name", STRING), "generateName": ("generateName", STRING)})
HEADER = {"apiVersion": ("apiVersion", STRING), "kind": ("kind", STRING), "metadata": ("metadata", _META)}
_SIGNS = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


def escaped(name: str) -> str:
    if name in RESERVED or name in WORDS or name == "in":
        return f"__{name}__"
    for sign, word in _SIGNS:
        name = name.replace(sign, word)
    return name


def type_of_schema(schema: Object, root: bool = False) -> Type | None:
    """None for a value without a type."""
    if schema.get("x-kubernetes-int-or-string"):
        return DYN
    kind = schema.get("type") or ""
    if kind == "object":
        return _object(schema, root)
    if kind == "array":
        items = schema.get("items")
        element = type_of_schema(items) if isinstance(items, dict) else None
        return list_of(element or DYN, most_items(schema))
    if kind == "string":
        plain = _FORMATS.get(schema.get("format") or "", STRING)
        return Type(plain.name, size=_longest(schema))
    return _SCALARS.get(kind)


def _object(schema: Object, root: bool) -> Type:
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        return map_of(STRING, type_of_schema(more) or DYN, most_items(schema))
    fields = {
        escaped(name): (name, found)
        for name, child in (schema.get("properties") or {}).items()
        if (found := type_of_schema(child)) is not None
    }
    if root or schema.get("x-kubernetes-embedded-resource"):
        fields |= HEADER
    return Type("object", fields=fields)


def most_items(schema: Object) -> int:
    """Of a list or a map: what the schema allows, or what fits into a request."""
    listed = schema.get("type") == "array"
    stated = schema.get("maxItems" if listed else "maxProperties")
    if stated is not None:
        return int(stated)
    inner = schema.get("items" if listed else "additionalProperties")
    smallest = _SMALLEST.get((inner if isinstance(inner, dict) else {}).get("type") or "", 2)
    return LARGEST // (smallest if listed else smallest + 4)


def _longest(schema: Object) -> int:
    if schema.get("maxLength") is not None:
        return int(schema["maxLength"])
    if schema.get("enum"):
        return max(len(str(one)) for one in schema["enum"])
    known = {"date": 10, "date-time": 32, "duration": 32, "uuid": 36, "ipv4": 15, "ipv6": 45}
    return known.get(schema.get("format") or "", LARGEST - 2)


# Values

_READ: dict[str, Adapt] = {
    "byte": base64.b64decode,
    "date": read_time,
    "date-time": read_time,
    "duration": read_duration,
}


def adapter(schema: Object) -> Adapt | None:
    """Turns JSON's values into those of the schema's types; None where they are the same."""
    if schema.get("x-kubernetes-int-or-string"):
        return None
    match schema.get("type"):
        case "number":
            return lambda value: float(value) if type(value) is int else value
        case "integer":
            return lambda value: int(value) if type(value) is float else value
        case "string":
            read = _READ.get(schema.get("format") or "")
            return None if read is None else _of(str, read)
        case "array":
            items = schema.get("items")
            inner = adapter(items) if isinstance(items, dict) else None
            return None if inner is None else _of(list, lambda value: [inner(one) for one in value])
        case "object":
            return _fields(schema)
    return None


def _of(wanted: type, read: Adapt) -> Adapt:
    return lambda value: read(value) if type(value) is wanted else value


def _fields(schema: Object) -> Adapt | None:
    known = {name: found for name, child in (schema.get("properties") or {}).items() if (found := adapter(child))}
    more = schema.get("additionalProperties")
    others = adapter(more) if isinstance(more, dict) else None
    if not known and others is None:
        return None

    def read(value: Object) -> Object:
        return {
            name: (adapt(one) if (adapt := known.get(name, others)) is not None else one) for name, one in value.items()
        }

    return _of(dict, read)
