"""Values of custom resources: what JSON schema calls their types, and which old value a new one is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

Object = dict[str, Any]
Match = Callable[[list[Any], Any], Sequence[Any]]


class _New:
    """Stands for the old value where there is none."""

    def __repr__(self) -> str:
        return "NEW"


NEW = _New()
_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def type_of(value: Any) -> str:
    """JSON schema's word; a float without a fraction is an integer."""
    if type(value) is float:
        return "integer" if value.is_integer() else "number"
    return _TYPES[type(value)]


def correlated(schema: Object) -> Match:
    """For the items of a new list, the items of the old one they replace: by key in a map, none in other lists."""
    if schema.get("x-kubernetes-list-type") != "map":
        return lambda value, _old: [NEW] * len(value)
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())

    def match(value: list[Any], old: Any) -> Sequence[Any]:
        if type(old) is not list:
            return [NEW] * len(value)
        before = {key_of(one, keys): one for one in old}
        return [before.get(key_of(one, keys), NEW) for one in value]

    return match


def key_of(item: Any, keys: tuple[str, ...]) -> bytes:
    """What tells an item of a list of maps from the others."""
    return orjson.dumps([item.get(key) for key in keys] if type(item) is dict else [])


def has_rules(schema: Any) -> bool:
    """Whether there is a rule anywhere in a schema."""
    if isinstance(schema, dict):
        return bool(schema.get("x-kubernetes-validations")) or any(map(has_rules, schema.values()))
    return isinstance(schema, list) and any(map(has_rules, schema))
