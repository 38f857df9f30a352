"""What kinds and fields are for, in upstream's words: from the package kubernetes-validate, where it is installed.

Read when a document is made and forgotten again; without the package `kubectl explain` shows fields and their types.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

Object = dict[str, Any]
FOLDER = "kubernetes-json-schema/v1.36.0-local"


def add_descriptions(definitions: Object) -> None:
    """To each definition and its fields, in place."""
    published = _published()
    for name, made in definitions.items():
        words = published.get(name)
        if words is not None:
            _describe(made, words)


def source() -> Path | None:
    """The file they are in; None where the package is not installed."""
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations)), FOLDER, "_definitions.json")
    return path if path.exists() else None


def _published() -> Mapping[str, Object]:
    path = source()
    definitions: Mapping[str, Object] = orjson.loads(path.read_bytes())["$defs"] if path else {}
    return definitions


def _describe(made: Object, words: Object) -> None:
    if words.get("description"):
        made["description"] = words["description"]
    described = words.get("properties") or {}
    fields = made.get("properties") or {}
    for name in fields.keys() & described.keys():
        if text := described[name].get("description"):
            fields[name] = _with(fields[name], text)


def _with(field: Object, text: str) -> Object:
    """A reference takes nothing beside it, so that it moves inside."""
    return {"description": text, "allOf": [field]} if "$ref" in field else {"description": text} | field
