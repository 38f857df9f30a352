"""Finds and removes what a schema does not know, and keys that JSON or YAML says twice.

The slow path of decoding: taken only when the quick one met something unknown, so that it may keep exact paths
(`spec.containers[0].junk`).
"""

from __future__ import annotations

import json
from typing import Any

from kube import schemas
from kube.schemas import Shape


def prune(definition: str, value: Any, path: str = "") -> list[str]:
    """Removes unknown fields from the object in place; their paths, in the order they stand."""
    if not isinstance(value, dict):
        return []
    fields = schemas.definition(definition).fields
    unknown: list[str] = []
    for key in list(value):
        place = f"{path}.{key}" if path else key
        field = fields.get(key)
        if field is None:
            unknown.append(place)
            del value[key]
        else:
            unknown += _within(field.shape, value[key], place)
    return unknown


def _within(shape: Shape, value: Any, path: str) -> list[str]:
    if shape.ref:
        return _reference(shape.ref, value, path)
    if shape.form == "list" and isinstance(value, list) and shape.element:
        return [one for at, item in enumerate(value) for one in _within(shape.element, item, f"{path}[{at}]")]
    if shape.form == "map" and isinstance(value, dict) and shape.element:
        return [one for key, item in value.items() for one in _within(shape.element, item, f"{path}.{key}")]
    return []


def _reference(name: str, value: Any, path: str) -> list[str]:
    if name in (schemas.SCHEMA_OR_ARRAY, schemas.SCHEMA_OR_BOOL):
        if isinstance(value, list):
            return [one for at, item in enumerate(value) for one in prune(_PROPS, item, f"{path}[{at}]")]
        return prune(_PROPS, value, path)
    return [] if name in schemas.SCALARS else prune(name, value, path)


_PROPS = schemas.APIEXTENSIONS + "JSONSchemaProps"


class _Pairs(list[tuple[str, Any]]):
    """An object as the pairs it was written in."""


def duplicates(body: bytes) -> list[str]:
    """The paths of keys that a JSON text says more than once, in the order they stand."""
    tree = json.loads(body.decode("utf-8", "replace"), object_pairs_hook=_Pairs)
    return _twice(tree, "")


def _twice(node: Any, path: str) -> list[str]:
    found: list[str] = []
    if isinstance(node, _Pairs):
        seen: set[str] = set()
        for key, item in node:
            place = f"{path}.{key}" if path else key
            if key in seen:
                found.append(place)
            seen.add(key)
            found += _twice(item, place)
    elif isinstance(node, list):
        for at, item in enumerate(node):
            found += _twice(item, f"{path}[{at}]")
    return found
