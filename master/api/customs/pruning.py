"""Pruning: a custom resource keeps what its structural schema knows, and nothing else (KEP-1979's rules).

A schema is compiled once into closures that take a value, where it lies, and the list of what was removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube.decoding import pruning
from kube.schemas import OBJECT_META

Object = dict[str, Any]
Pruner = Callable[[Any, str, list[str]], None]

HEADER = ("apiVersion", "kind", "metadata")
"""What the root of an object has, and every embedded resource, whatever the schema says."""


def pruner(schema: Object | None, root: bool = False) -> Pruner:
    """`root`: of a whole resource, whose type and metadata the schema need not name."""
    if schema is None:
        return _nothing
    known = {name: pruner(child) for name, child in (schema.get("properties") or {}).items()}
    if root or schema.get("x-kubernetes-embedded-resource"):
        known |= dict.fromkeys(HEADER, keep)
    if schema.get("x-kubernetes-embedded-resource"):
        known["metadata"] = _metadata
    others = _others(schema)
    items = schema.get("items")
    item = pruner(items if isinstance(items, dict) else None)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        others, item = others or keep, item if isinstance(items, dict) else keep

    def prune(value: Any, path: str, removed: list[str]) -> None:
        if type(value) is dict:
            for name in list(value):
                inner = known.get(name, others)
                place = f"{path}.{name}" if path else name
                if inner is None:
                    del value[name]
                    removed.append(place)
                else:
                    inner(value[name], place, removed)
        elif type(value) is list:
            for index, one in enumerate(value):
                item(one, f"{path}[{index}]", removed)

    return prune


def _others(schema: Object) -> Pruner | None:
    """What becomes of fields that have no schema of their own; None: they go."""
    more = schema.get("additionalProperties")
    if more is None or more is False:
        return None
    return pruner(more if isinstance(more, dict) else None)


def _nothing(value: Any, path: str, removed: list[str]) -> None:
    """No field is known here."""
    if type(value) is dict:
        removed += [f"{path}.{name}" for name in value]
        value.clear()
    elif type(value) is list:
        for index, one in enumerate(value):
            _nothing(one, f"{path}[{index}]", removed)


def _metadata(value: Any, path: str, removed: list[str]) -> None:
    """Of an embedded resource: what every object's metadata has."""
    removed += pruning.prune(OBJECT_META, value, path)


def keep(_value: Any, _path: str, _removed: list[str]) -> None:
    """All of it."""
