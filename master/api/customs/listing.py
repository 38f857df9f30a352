"""Lists of the types set and map hold nothing twice: looked for in the whole object, beside its schema's other checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from master.api.customs.values import NEW, key_of
from master.api.validation.problems import Path, Problems

Object = dict[str, Any]
Check = Callable[[Any, Any, Path, Problems], None]


def uniqueness(schema: Object) -> Check | None:
    """None where no list below has a type that asks for it."""
    parts = [part for part in (_own(schema), _items(schema), _fields(schema)) if part is not None]
    if not parts:
        return None

    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if value != old:
            for part in parts:
                part(value, old, at, out)

    return check


def _own(schema: Object) -> Check | None:
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return _twice(orjson.dumps, lambda item: item)
        case "map":
            keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
            return _twice(lambda item: key_of(item, keys), lambda item: {key: item[key] for key in keys if key in item})
    return None


def _twice(key: Callable[[Any], bytes], shown: Callable[[Any], Any]) -> Check:
    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        seen: set[bytes] = set()
        for index, item in enumerate(value if type(value) is list else ()):
            if key(item) in seen:
                out.duplicate(at / index, shown(item) if type(item) is dict else item)
            seen.add(key(item))

    return check


def _items(schema: Object) -> Check | None:
    items = schema.get("items")
    inner = uniqueness(items) if isinstance(items, dict) else None
    if inner is None:
        return None

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        for index, one in enumerate(value if type(value) is list else ()):
            inner(one, NEW, at / index, out)

    return check


def _fields(schema: Object) -> Check | None:
    known = {name: found for name, child in (schema.get("properties") or {}).items() if (found := uniqueness(child))}
    more = schema.get("additionalProperties")
    others = uniqueness(more) if isinstance(more, dict) else None
    if not known and others is None:
        return None

    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if type(value) is dict:
            before = old if type(old) is dict else {}
            for name, one in value.items():
                inner = known.get(name, others)
                if inner is not None:
                    inner(one, before.get(name, NEW), at / name, out)

    return check
