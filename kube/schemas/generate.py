"""Writes definitions.json from the JSON schemas that `kubernetes-validate` publishes: `python -m kube.schemas.generate`.

Kept are names, types, formats, enums, what is required, and how lists and maps merge; what no served kind reaches is left
out.  A type is a short text: `string`, `int32`, `[]TYPE`, `{}TYPE`, or the name of a definition.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from kube import kinds

VERSION = "v1.36.0"
TARGET = Path(__file__).with_name("definitions.json")
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
# Kinds that requests and answers carry beside the served ones.
ALSO = tuple(META + name for name in ("DeleteOptions", "Status", "ListMeta", "LabelSelector", "ManagedFieldsEntry"))
SUBRESOURCE_KINDS = (
    "autoscaling/v1/Scale",
    "policy/v1/Eviction",
    "authentication.k8s.io/v1/TokenRequest",
    "v1/Binding",
)
MERGING = {
    "x-kubernetes-patch-merge-key": "mergeKey",
    "x-kubernetes-patch-strategy": "patchStrategy",
    "x-kubernetes-list-type": "listType",
    "x-kubernetes-list-map-keys": "listKeys",
    "x-kubernetes-map-type": "mapType",
}
# What JSON calls string or object, and the API more narrowly.
FORMATS = {"int32": "int32", "int64": "int64", "double": "double", "byte": "bytes", "date-time": "string"}


def main() -> None:
    TARGET.write_bytes(rendered())


def rendered() -> bytes:
    """What the file should hold."""
    return _lines(_compact(orjson.loads(_published().read_bytes())["$defs"]))


def _published() -> Path:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("kubernetes-validate is not installed: pip install 'wherry[dev]'")
    package = Path(next(iter(spec.submodule_search_locations)))
    return package / "kubernetes-json-schema" / f"{VERSION}-local" / "_definitions.json"


def _compact(source: dict[str, Any]) -> dict[str, Any]:
    by_kind = {row: name for name, schema in source.items() for row in _rows(schema)}
    served = [f"{kind.api_version}/{kind.kind}" for kind in kinds.BUILT_IN]
    roots = {row: by_kind[row] for row in dict.fromkeys([*served, *SUBRESOURCE_KINDS])}
    reached = _reach(source, [*roots.values(), *ALSO])
    return {"kinds": roots, "definitions": {name: _definition(source[name]) for name in sorted(reached)}}


def _rows(schema: dict[str, Any]) -> Iterable[str]:
    for row in schema.get("x-kubernetes-group-version-kind", ()):
        group = f"{row['group']}/" if row["group"] else ""
        yield f"{group}{row['version']}/{row['kind']}"


def _reach(source: dict[str, Any], roots: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(source[name])
    return found


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rsplit("/", 1)[1]
        for part in schema.values():
            yield from _references(part)


def _definition(schema: dict[str, Any]) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    compact: dict[str, Any] = {}
    if "x-kubernetes-map-type" in schema:
        compact["mapType"] = schema["x-kubernetes-map-type"]
    compact["fields"] = {
        name: _field(field, name in required) for name, field in sorted(schema.get("properties", {}).items())
    }
    return compact


def _field(field: dict[str, Any], required: bool) -> Any:
    """The type alone, or [type, {what else is known}]."""
    more: dict[str, Any] = {ours: field[theirs] for theirs, ours in MERGING.items() if theirs in field}
    if "enum" in field:
        more["enum"] = sorted(value for value in field["enum"] if value is not None)
    if required:
        more["required"] = True
    return [_type(field), more] if more else _type(field)


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    if "items" in field:
        return "[]" + _type(field["items"])
    if "additionalProperties" in field:
        return "{}" + _type(field["additionalProperties"])
    return FORMATS.get(field.get("format", "")) or _plain(field["type"])


def _plain(type_: str | list[str]) -> str:
    return type_ if isinstance(type_, str) else next(name for name in type_ if name != "null")


def _lines(data: dict[str, Any]) -> bytes:
    """One definition a line, so that a new version's changes can be read."""
    lines = [b'{"kinds":' + orjson.dumps(data["kinds"]) + b',\n"definitions":{']
    body = [orjson.dumps(name) + b":" + orjson.dumps(one) for name, one in data["definitions"].items()]
    return lines[0] + b"\n" + b",\n".join(body) + b"\n}}\n"


if __name__ == "__main__":
    main()
