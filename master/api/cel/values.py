"""The values expressions work on, and the types they are checked by.

JSON's values are themselves: bool, int, float, str, list, dict, None.  Unsigned integers, times and durations have types of
their own, and what Kubernetes adds (quantities, addresses, URLs) brings its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LOWEST, HIGHEST = -(2**63), 2**63 - 1
LARGEST = 3 * 1024 * 1024
"""No value is larger than a request may be."""


class UInt(int):
    """An unsigned integer."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """An optional: a value, or none."""

    value: Any = None
    present: bool = False


NOTHING = Maybe()


@dataclass(frozen=True)
class Type:
    """`fields` are an object's, by the names expressions use; `size` bounds a text, list or map."""

    name: str
    params: tuple[Type, ...] = ()
    fields: Mapping[str, tuple[str, Type]] | None = field(default=None, compare=False, repr=False)
    size: int = field(default=LARGEST, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.params))})" if self.params else self.name


DYN, BOOL, INT, UINT, DOUBLE = Type("dyn"), Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL, TYPE = Type("string"), Type("bytes"), Type("null_type"), Type("type")
TIMESTAMP, DURATION = Type("timestamp"), Type("duration")
PARAMETERS = {"A": Type("A"), "B": Type("B")}
SCALARS = frozenset({"bool", "int", "uint", "double", "null_type", "timestamp", "duration", "type"})
NUMBERS = frozenset({"int", "uint", "double"})


def list_of(element: Type, size: int = LARGEST) -> Type:
    return Type("list", (element,), size=size)


def map_of(key: Type, value: Type, size: int = LARGEST) -> Type:
    return Type("map", (key, value), size=size)


def maybe_of(element: Type) -> Type:
    return Type("optional_type", (element,))


_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null_type",
    list: "list",
    dict: "map",
    datetime: "timestamp",
    timedelta: "duration",
    Maybe: "optional_type",
    Type: "type",
}


def kind_of(value: Any) -> str:
    """The name of a value's type; classes of other libraries say theirs as `cel_name`."""
    found = _KINDS.get(type(value))
    return found if found is not None else str(type(value).cel_name)


def size_of(value: Any) -> int:
    return len(value) if type(value) in (str, bytes, list, dict) else 1


def equal(one: Any, other: Any) -> bool:
    """Numbers by value whatever their types, everything else only within its type."""
    if type(one) is not type(other):
        return kind_of(one) in NUMBERS and kind_of(other) in NUMBERS and bool(one == other)
    if type(one) is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if type(one) is dict:
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return bool(one == other)
