"""The two ways a field is completed."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def if_missing(obj: Object, **defaults: Any) -> None:
    """Fields of a pointer: an empty value was said, and stays."""
    for name, value in defaults.items():
        if obj.get(name) is None:
            obj[name] = value


def if_empty(obj: Object, **defaults: Any) -> None:
    """Fields of a plain value: empty and missing are one."""
    for name, value in defaults.items():
        if not obj.get(name):
            obj[name] = value


def within(obj: Object, name: str) -> Object:
    """The object in a field, made when it is missing."""
    found = obj.get(name)
    if found is None:
        found = obj[name] = {}
    inner: Object = found
    return inner
