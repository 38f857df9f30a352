"""Definitions of kube.schemas as JSON schemas: types, lists' and maps' merge keys, and whose kind they are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from kube import schemas
from kube.kinds import BUILT_IN, Kind
from kube.schemas import Definition, Field, Shape
from master.api.customs import describing

Object = dict[str, Any]
SCHEMAS_V2, SCHEMAS_V3 = "#/definitions/", "#/components/schemas/"

FORMS: dict[str, Object] = {
    "string": {"type": "string"},
    "bytes": {"type": "string", "format": "byte"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
}
# Definitions that are values of their own.
VALUES: dict[str, Object] = {
    schemas.QUANTITY: {"type": "string"},
    schemas.INT_OR_STRING: {"type": "string", "format": "int-or-string"},
    schemas.RAW: {"type": "object"},
    schemas.TIME: {"type": "string", "format": "date-time"},
    schemas.MICRO_TIME: {"type": "string", "format": "date-time"},
    schemas.FIELDS_V1: {"type": "object"},
}
# What version 3 can say of them and version 2 cannot.
EITHER: dict[str, Object] = {
    schemas.QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    schemas.INT_OR_STRING: {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
}
LIST_META = schemas.META + "ListMeta"
LIST_FIELDS = {
    "continue": {"type": "string"},
    "remainingItemCount": {"type": "integer", "format": "int64"},
    "resourceVersion": {"type": "string"},
    "selfLink": {"type": "string"},
}


def reachable(kinds: Iterable[Kind]) -> list[str]:
    """The names of every definition these kinds, their lists and their subresources are made of, sorted."""
    found: set[str] = set()
    pending = [LIST_META]
    for kind in kinds:
        pending += _roots(kind)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _parts(name)
    return sorted(found)


def _roots(kind: Kind) -> list[str]:
    wanted = [(kind.api_version, kind.kind)]
    wanted += [(sub.group_version, sub.kind) for sub in kind.subresources if sub.group_version]
    names = [name for api_version, one in wanted if (name := known_name(api_version, one))]
    if kind.custom is not None:
        names.append(schemas.OBJECT_META)
    elif "list" in kind.verbs and names:
        names.append(list_name(kind))
    return [*names, schemas.META + "DeleteOptions", schemas.META + "Status"]


def known_name(api_version: str, kind: str) -> str:
    """The definition's name; empty for a kind that has none."""
    try:
        return schemas.name_of(api_version, kind)
    except KeyError:
        return ""


def kind_name(kind: Kind) -> str:
    """The definition of a kind's objects; empty where it has none."""
    return known_name(kind.api_version, kind.kind) if kind.custom is None else describing.name(kind)


def described(kinds: Iterable[Kind], prefix: str) -> Object:
    """Every definition these kinds are made of, by name."""
    listed = list(kinds)
    found = {name: schema(name, prefix) for name in reachable(listed)}
    for kind in listed:
        if kind.custom is not None:
            found |= describing.definitions(kind, prefix, prefix == SCHEMAS_V3)
    return found


def list_name(kind: Kind) -> str:
    if kind.custom is not None:
        return describing.list_name(kind)
    name = known_name(kind.api_version, kind.kind)
    return f"{name}List" if name else ""


def _parts(name: str) -> list[str]:
    if name in _lists():
        return [LIST_META, name.removesuffix("List")]
    definition = _definition(name)
    return [ref for one in definition.fields.values() for ref in _refs(one.shape)] if definition else []


def _refs(shape: Shape) -> list[str]:
    if shape.form == "ref":
        return [shape.ref]
    return _refs(shape.element) if shape.element is not None else []


@cache
def _lists() -> dict[str, Kind]:
    return {name: kind for kind in BUILT_IN if "list" in kind.verbs and (name := list_name(kind))}


@cache
def _owners() -> dict[str, list[Object]]:
    """Definition → the group, version and kind it is served as."""
    found: dict[str, list[Object]] = {}
    for kind in BUILT_IN:
        served = [(kind.api_version, kind.kind)]
        served += [(sub.group_version, sub.kind) for sub in kind.subresources if sub.group_version]
        for api_version, one in served:
            group, _, version = api_version.rpartition("/")
            owner = {"group": group, "kind": one, "version": version}
            owners = found.setdefault(known_name(api_version, one), [])
            if owner not in owners:
                owners.append(owner)
    return found


def _definition(name: str) -> Definition | None:
    if name in VALUES or name == LIST_META:
        return None
    try:
        return schemas.definition(name)
    except KeyError:
        return None


def schema(name: str, prefix: str) -> Object:
    """One definition; `prefix` is where references point."""
    if name in VALUES:
        return dict(EITHER.get(name, VALUES[name]) if prefix == SCHEMAS_V3 else VALUES[name])
    if name == LIST_META:
        return {"type": "object", "properties": LIST_FIELDS}
    if name in _lists():
        return _list_schema(_lists()[name], name, prefix)
    definition = _definition(name)
    if definition is None:
        return {}
    made: Object = {
        "type": "object",
        "properties": {key: _field(key, one, prefix) for key, one in definition.fields.items()},
    }
    required = [key for key, one in definition.fields.items() if one.required]
    if required:
        made["required"] = required
    if definition.map_type:
        made["x-kubernetes-map-type"] = definition.map_type
    if name in _owners():
        made["x-kubernetes-group-version-kind"] = _owners()[name]
    return made


def _list_schema(kind: Kind, name: str, prefix: str) -> Object:
    item = {"$ref": prefix + name.removesuffix("List")}
    properties = {
        "apiVersion": {"type": "string"},
        "items": {"type": "array", "items": item},
        "kind": {"type": "string"},
        "metadata": {"$ref": prefix + LIST_META},
    }
    owner = {"group": kind.group, "kind": kind.list_kind, "version": kind.version}
    return {
        "type": "object",
        "properties": properties,
        "required": ["items"],
        "x-kubernetes-group-version-kind": [owner],
    }


def _field(name: str, one: Field, prefix: str) -> Object:
    made = _shape(one.shape, prefix)
    more: Object = {}
    if one.enum and name not in ("apiVersion", "kind"):
        more["enum"] = list(one.enum)
    if one.merge_key:
        more["x-kubernetes-patch-merge-key"] = one.merge_key
    if one.patch_strategy:
        more["x-kubernetes-patch-strategy"] = ",".join(sorted(one.patch_strategy, reverse=True))
    if one.list_type:
        more["x-kubernetes-list-type"] = one.list_type
    if one.list_keys:
        more["x-kubernetes-list-map-keys"] = list(one.list_keys)
    if one.map_type:
        more["x-kubernetes-map-type"] = one.map_type
    if more and "$ref" in made:
        return {"allOf": [made]} | more
    return made | more


def _shape(shape: Shape, prefix: str) -> Object:
    if shape.form == "ref":
        return {"$ref": prefix + shape.ref}
    if shape.element is not None:
        element = _shape(shape.element, prefix)
        return (
            {"type": "array", "items": element}
            if shape.form == "list"
            else {"type": "object", "additionalProperties": element}
        )
    return dict(FORMS[shape.form])
