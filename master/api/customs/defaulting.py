"""Defaults of custom resources, as their structural schemas say them; nulls that nobody may say go away first.

A default is filled in where its field is missing, or null without being nullable.  A null that is neither nullable nor
has a default is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

Object = dict[str, Any]
Completer = Callable[[Any], None]
_HEADER = ("apiVersion", "kind", "metadata")


def completer(schema: Object, root: bool = False) -> Completer | None:
    """None where nothing below can be missing or null."""
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return _items(schema["items"])
    properties: Object = schema.get("properties") or {}
    if root or schema.get("x-kubernetes-embedded-resource"):
        properties = {name: child for name, child in properties.items() if name not in _HEADER}
    if properties:
        return _properties(properties)
    more = schema.get("additionalProperties")
    return _values(more) if isinstance(more, dict) else None


def _properties(properties: Object) -> Completer:
    defaults = {name: child["default"] for name, child in properties.items() if child.get("default") is not None}
    never_null = {name for name, child in properties.items() if not child.get("nullable")}
    inner = {name: found for name, child in properties.items() if (found := completer(child)) is not None}

    def complete(value: Any) -> None:
        if type(value) is not dict:
            return
        for name in [name for name in value if value[name] is None and name in never_null]:
            del value[name]
        for name, default in defaults.items():
            if name not in value:
                value[name] = deepcopy(default)
        for name, fill in inner.items():
            if name in value:
                fill(value[name])

    return complete


def _values(schema: Object) -> Completer:
    default, nullable, inner = schema.get("default"), schema.get("nullable"), completer(schema)

    def complete(value: Any) -> None:
        if type(value) is not dict:
            return
        for name in list(value):
            if value[name] is None and not nullable:
                if default is None:
                    del value[name]
                    continue
                value[name] = deepcopy(default)
            if inner is not None:
                inner(value[name])

    return complete


def _items(schema: Object) -> Completer:
    default, nullable, inner = schema.get("default"), schema.get("nullable"), completer(schema)

    def complete(value: Any) -> None:
        if type(value) is not list:
            return
        for index, one in enumerate(value):
            if one is None and default is not None and not nullable:
                value[index] = deepcopy(default)
            if inner is not None:
                inner(value[index])

    return complete
