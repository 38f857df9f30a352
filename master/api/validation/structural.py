"""Structural schemas of custom resources (KEP-1979): every value typed, defaults that fit, nothing that cannot be pruned.

Not in here: validating objects against a schema, but for the defaults written in it.
"""

from __future__ import annotations

import re
from typing import Any

from master.api.customs.values import has_rules
from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object

TYPES = ("array", "boolean", "integer", "number", "object", "string")
LIST_TYPES = ("atomic", "map", "set")
MAP_TYPES = ("atomic", "granular")
STATUS_ROOT = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'


def check_schema(schema: Object, at: Path, out: Problems, with_status: bool) -> None:
    kind = schema.get("type") or ""
    if with_status and kind and kind != "object":
        out.invalid(at / "type", kind, STATUS_ROOT)
    before = len(out)
    _structure(schema, at, out, "at the root")
    if kind and kind != "object":
        out.invalid(at / "type", kind, "must be object at the root")
    if len(out) == before:
        _defaults(schema, at, out)
    _walk(schema, at, out)
    if len(out) == before and has_rules(schema):
        from master.api.customs.rulechecks import check_rules  # the expression language is loaded where there is one

        check_rules(schema, at, out)


def children(schema: Object, at: Path) -> list[tuple[Object, Path, str]]:
    """The schemas inside one, and what each is specified as."""
    found = [
        (child, (at / "properties")[name], "for specified object fields")
        for name, child in (schema.get("properties") or {}).items()
    ]
    if isinstance(schema.get("items"), dict):
        found.append((schema["items"], at / "items", "for specified array items"))
    if isinstance(schema.get("additionalProperties"), dict):
        found.append((schema["additionalProperties"], at / "additionalProperties", "for specified object fields"))
    return found


def _structure(schema: Object, at: Path, out: Problems, place: str) -> None:
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-int-or-string")
    if not schema.get("type") and (not open_ended or place == "at the root"):
        out.required(at / "type", f"must not be empty {place}")
    if schema.get("x-kubernetes-int-or-string") and schema.get("type"):
        out.forbidden(at / "type", "must be empty if x-kubernetes-int-or-string is true")
    if schema.get("type") == "array" and not schema.get("items") and not open_ended:
        out.required(at / "items", "must be specified")
    if schema.get("properties") and isinstance(schema.get("additionalProperties"), dict):
        out.forbidden(at / "additionalProperties", "additionalProperties and properties are mutual exclusive")
    for child, where, said in children(schema, at):
        _structure(child, where, out, said)


def _walk(schema: Object, at: Path, out: Problems) -> None:
    kind = schema.get("type") or ""
    if schema.get("$ref") is not None:
        out.forbidden(at / "$ref", "$ref is not supported")
    if schema.get("uniqueItems"):
        out.forbidden(
            at / "uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        )
    _lists(schema, at, out)
    for child, where, _ in children(schema, at):
        _walk(child, where, out)
    if kind and kind not in TYPES:
        out.unsupported(at / "type", kind, TYPES)


def _lists(schema: Object, at: Path, out: Problems) -> None:
    chosen, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    if chosen is not None and chosen not in LIST_TYPES:
        out.unsupported(at / "x-kubernetes-list-type", chosen, LIST_TYPES)
    if chosen is not None and schema.get("type") != "array":
        out.invalid(at / "type", schema.get("type") or "", "must be array if x-kubernetes-list-type is specified")
    if chosen == "map" and not keys:
        out.required(at / "x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if keys and chosen != "map":
        said = "must be map if x-kubernetes-list-map-keys is non-empty"
        out.invalid(at / "x-kubernetes-list-type", chosen or "", said)
    shape = schema.get("x-kubernetes-map-type")
    if shape is not None and shape not in MAP_TYPES:
        out.unsupported(at / "x-kubernetes-map-type", shape, MAP_TYPES)


# Defaults


def _defaults(schema: Object, at: Path, out: Problems) -> None:
    if schema.get("default") is not None:
        _fits(schema["default"], schema, at / "default", out)
    for child, where, _ in children(schema, at):
        _defaults(child, where, out)


def type_of(value: Any) -> str:
    """The JSON schema's word for a value's type."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "null"


def _fits(value: Any, schema: Object, at: Path, out: Problems) -> None:
    """Whether a default is a value its schema allows."""
    wanted, found = schema.get("type") or "", type_of(value)
    either = schema.get("x-kubernetes-int-or-string") and found in {"integer", "string"}
    if wanted and found != wanted and not either and (found, wanted) != ("integer", "number"):
        out.wrong_type(at, found, f' in body must be of type {wanted}: "{found}"')
        return
    for said in _violations(value, schema):
        out.invalid(at, value, f" in body {said}")
    if isinstance(value, dict):
        for name in schema.get("required") or ():
            if name not in value:
                out.required(at / name)
        for name, child in (schema.get("properties") or {}).items():
            if name in value:
                _fits(value[name], child, at / name, out)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            _fits(item, schema["items"], at / index, out)


def _violations(value: Any, schema: Object) -> list[str]:
    said = []
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and value < low:
            said.append(f"should be greater than or equal to {low}")
        if high is not None and value > high:
            said.append(f"should be less than or equal to {high}")
    if isinstance(value, str):
        if len(value) < (schema.get("minLength") or 0):
            said.append(f"should be at least {schema['minLength']} chars long")
        if schema.get("maxLength") is not None and len(value) > schema["maxLength"]:
            said.append(f"should be at most {schema['maxLength']} chars long")
        if schema.get("pattern") and not re.search(schema["pattern"], value):
            said.append(f"should match '{schema['pattern']}'")
    if schema.get("enum") and value not in schema["enum"]:
        said.append("should be one of " + str(schema["enum"]))
    return said
