"""Custom kinds in OpenAPI: the definition's schema with what every object has, under the name of its group, reversed."""

from __future__ import annotations

from typing import Any

from kube import schemas
from kube.kinds import Kind

Object = dict[str, Any]

OBJECT_META, LIST_META = schemas.OBJECT_META, schemas.META + "ListMeta"
TEXT = {"type": "string"}
EITHER = [{"type": "integer"}, {"type": "string"}]
UNKNOWN_IN_V2 = ("allOf", "anyOf", "oneOf", "not", "nullable")
CONTENT = ("items", "properties")


def name(kind: Kind) -> str:
    """`com.example.v1.Boat` of example.com/v1."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def list_name(kind: Kind) -> str:
    return name(kind).removesuffix(kind.kind) + kind.list_kind


def definitions(kind: Kind, prefix: str, with_logic: bool) -> Object:
    """The schemas of a kind and its list; `prefix` is where references point, v2 has no logic in schemas."""
    assert kind.custom is not None
    own = _described(kind.custom.schema, prefix, with_logic)
    own |= {"properties": {**_header(OBJECT_META, prefix), **_others(own)}} | _extensions(kind, kind.kind)
    properties = _header(LIST_META, prefix) | {"items": {"type": "array", "items": {"$ref": prefix + name(kind)}}}
    listed = {"type": "object", "required": ["items"], "properties": properties} | _extensions(kind, kind.list_kind)
    return {name(kind): own, list_name(kind): listed}


def _header(metadata: str, prefix: str) -> Object:
    return {"apiVersion": TEXT, "kind": TEXT, "metadata": {"allOf": [{"$ref": prefix + metadata}]}}


def _others(schema: Object) -> Object:
    header = ("apiVersion", "kind", "metadata")
    return {field: child for field, child in (schema.get("properties") or {}).items() if field not in header}


def _extensions(kind: Kind, shown: str) -> Object:
    owner = {"group": kind.group, "kind": shown, "version": kind.version}
    found: Object = {"x-kubernetes-group-version-kind": [owner]}
    if kind.custom is not None and kind.custom.selectable:
        found["x-kubernetes-selectable-fields"] = [{"fieldPath": field} for field in kind.custom.selectable]
    return found


def _plain(schema: Object) -> Object:
    """In the words of v2.  What may be null, or holds anything, is not described further: old clients would refuse it."""
    dropped = set(UNKNOWN_IN_V2)
    if schema.get("nullable"):
        dropped |= {"type", *CONTENT}
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        dropped |= {*CONTENT}
    shown = {field: value for field, value in schema.items() if field not in dropped}
    inner = shown.get("properties") or {}
    required = [name for name in shown.get("required") or () if not (inner.get(name) or {}).get("nullable")]
    return shown | ({"required": required} if "required" in shown else {})


def _described(schema: Object, prefix: str, with_logic: bool) -> Object:
    shown = dict(schema) if with_logic else _plain(schema)
    if shown.get("x-kubernetes-int-or-string") and with_logic:
        shown.setdefault("anyOf", EITHER)
    if isinstance(shown.get("properties"), dict):
        inner = shown["properties"].items()
        shown["properties"] = {key: _described(child, prefix, with_logic) for key, child in inner}
    for field in ("items", "additionalProperties"):
        if isinstance(shown.get(field), dict):
            shown[field] = _described(shown[field], prefix, with_logic)
    if shown.get("x-kubernetes-embedded-resource"):
        shown["properties"] = _header(OBJECT_META, prefix) | _others(shown)
    return shown
