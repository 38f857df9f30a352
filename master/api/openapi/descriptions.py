"""What kinds and fields are for, in upstream's words: from the package kubernetes-validate, where it is installed.

Read when a document is made and forgotten again; without the package `kubectl explain` shows fields and their types.
Custom kinds are in their authors' words, but for the fields that every object begins with.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

Object = dict[str, Any]
FOLDER = "kubernetes-json-schema/v1.36.0-local"
ANY, ANY_LIST = "io.k8s.api.core.v1.Pod", "io.k8s.api.core.v1.PodList"
"""Whose words on the fields that every object, and every list, begins with are good for all."""
HEADER = {
    "apiVersion": "APIVersion defines the group and version this object is written in.",
    "kind": "Kind names what the object is.",
    "metadata": "Standard metadata.",
}
"""Ours for them, where no package has any."""
EMBEDDED = "x-kubernetes-embedded-resource"


def add_descriptions(definitions: Object, customs: Iterable[tuple[str, str]]) -> None:
    """To each definition and its fields, in place; `customs` are those of custom kinds: (name, its list's)."""
    published = _published()
    for name, made in definitions.items():
        words = published.get(name)
        if words is not None:
            _describe(made, words)
    single, several = (_header(published.get(name)) for name in (ANY, ANY_LIST))
    for name, list_name in customs:
        _describe_headers({**definitions[name], EMBEDDED: True}, single)
        _describe(definitions[list_name], several)


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


def _header(published: Object | None) -> Object:
    """The words on the first fields, as of a definition that has nothing else."""
    fields = (published or {}).get("properties") or {}
    return {"properties": {name: {"description": text} | fields.get(name, {}) for name, text in HEADER.items()}}


def _describe_headers(made: Object, words: Object) -> None:
    """The first fields of an object of a custom kind, and of all the objects embedded in it."""
    if made.get(EMBEDDED):
        _describe(made, words)
    inner = made.get("properties") or {}
    below = [*inner.values(), made.get("items"), made.get("additionalProperties")]
    for schema in below:
        if isinstance(schema, dict):
            _describe_headers(schema, words)


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
