"""Makes the types of server-side apply out of schemas: the built-in kinds' definitions, or a CRD's structural schema."""

from __future__ import annotations

from functools import cache
from typing import Any

from kube import schemas
from kube.apply.types import LEAF_TYPE, Items, Leaf, Map, Struct, by_keys, by_value
from kube.kinds import Kind
from kube.schemas import Field, Shape, presence

# What nobody owns: the server's own words about an object.
UNOWNED_ROOT = ("apiVersion", "kind")
UNOWNED_METADATA = (
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)

_structs: dict[str, Struct] = {}


def type_of(kind: Kind) -> Struct:
    """The type of a kind by its schema; of a kind without one, a type deduced: maps merge, lists are values."""
    if kind.custom is None:
        return _schema_type(kind)
    owned: Struct = kind.custom.owned
    return owned


@cache
def _schema_type(kind: Kind) -> Struct:
    try:
        return _struct(schemas.of(kind).name)
    except KeyError:
        return custom_type({})


def _struct(name: str) -> Struct:
    if name not in _structs:
        struct = _structs[name] = Struct()
        struct.fields = {key: (f"f:{key}", _field(field)) for key, field in schemas.definition(name).fields.items()}
    return _structs[name]


def _field(field: Field) -> Leaf:
    if field.map_type == "atomic":
        return LEAF_TYPE
    return _type(field.shape, field)


def _type(shape: Shape, field: Field) -> Leaf:
    if shape.ref:
        atomic = shape.ref in schemas.SCALARS or schemas.definition(shape.ref).map_type == "atomic"
        return LEAF_TYPE if atomic else _struct(shape.ref)
    if shape.form == "map" and shape.element:
        return Map(_type(shape.element, field))
    if shape.form == "list" and shape.element and field.list_type == "map":
        return Items(_type(shape.element, field), by_keys(field.list_keys))
    return Items(LEAF_TYPE, by_value) if shape.form == "list" and field.list_type == "set" else LEAF_TYPE


def custom_type(structural: dict[str, Any]) -> Struct:
    """The type of a custom resource, from its version's `openAPIV3Schema`; whatever it leaves open is deduced."""
    root = _properties(structural)
    root.fields["metadata"] = ("f:metadata", _struct(schemas.OBJECT_META))
    root.fields |= {key: (f"f:{key}", LEAF_TYPE) for key in UNOWNED_ROOT}
    return root


class _Open(Struct):
    """A struct that takes keys it does not know, and deduces their types."""

    def __init__(self, known: dict[str, Leaf]) -> None:
        super().__init__(named=False)
        self.fields = {key: (f"f:{key}", type_) for key, type_ in known.items()}

    def field(self, key: str) -> tuple[str, Leaf] | None:
        return self.fields.get(key) or (f"f:{key}", _DEDUCED)


class _Deduced(Leaf):
    """The type of a value nobody described: a map merges, anything else is one value."""

    def owned(self, value: Any) -> Any:
        return _ANY_MAP.owned(value) if isinstance(value, dict) else super().owned(value)

    def added(self, value: Any) -> Any:
        return _ANY_MAP.added(value) if isinstance(value, dict) else super().added(value)

    def changes(self, old: Any, new: Any) -> Any:
        both = isinstance(old, dict) and isinstance(new, dict)
        return _ANY_MAP.changes(old, new) if both else super().changes(old, new)

    def merge(self, live: Any, applied: Any) -> Any:
        return _ANY_MAP.merge(live, applied) if isinstance(applied, dict) else applied

    def prune(self, value: Any, last: Any, managed: Any) -> Any:
        return _ANY_MAP.prune(value, last, managed) if isinstance(value, dict) else value


_DEDUCED = _Deduced()
_ANY_MAP = Map(_DEDUCED)


def _custom(schema: dict[str, Any]) -> Leaf:
    """The type of a structural schema's value."""
    if schema.get("x-kubernetes-map-type") == "atomic":
        return LEAF_TYPE
    if schema.get("type") == "array":
        return _custom_list(schema)
    if schema.get("properties"):
        return _properties(schema)
    if isinstance(schema.get("additionalProperties"), dict):
        return Map(_custom(schema["additionalProperties"]))
    return _DEDUCED if schema.get("type") == "object" or "type" not in schema else LEAF_TYPE


def _properties(schema: dict[str, Any]) -> Struct:
    """Open where the schema keeps what it does not name, or names nothing."""
    known = {key: _custom(value) for key, value in (schema.get("properties") or {}).items()}
    if not known or schema.get("x-kubernetes-preserve-unknown-fields"):
        return _Open(known)
    if schema.get("x-kubernetes-embedded-resource"):
        known |= dict.fromkeys(UNOWNED_ROOT, LEAF_TYPE) | {"metadata": _DEDUCED}
    struct = Struct(named=False)
    struct.fields = {key: (f"f:{key}", type_) for key, type_ in known.items()}
    return struct


def _custom_list(schema: dict[str, Any]) -> Leaf:
    list_type = schema.get("x-kubernetes-list-type")
    if list_type == "map":
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        return Items(_custom(schema.get("items") or {}), by_keys(keys))
    return Items(LEAF_TYPE, by_value) if list_type == "set" else LEAF_TYPE


@cache
def baseline(kind: Kind) -> dict[str, Any]:
    """What an object of the kind has before anything is said: structs held by value, and zeros or null where required."""
    try:
        return _empty(schemas.of(kind), root=True)
    except KeyError:
        return {"metadata": {}}


def _empty(definition: schemas.Definition, root: bool = False) -> dict[str, Any]:
    empty = presence.always(definition.name)
    for name, field in definition.fields.items():
        if root and field.shape.ref and name in ("metadata", "spec", "status"):
            empty.setdefault(name, {})
        elif field.required and name not in presence.omitted(definition.name):
            empty.setdefault(name, _ZEROS.get(field.shape.form))
    for name, value in empty.items():
        ref = definition.fields[name].shape.ref
        if isinstance(value, dict) and ref:
            empty[name] = _empty(schemas.definition(ref)) | value
    return empty


_ZEROS: dict[str, Any] = {"string": "", "int32": 0, "int64": 0, "double": 0, "boolean": False, "ref": {}}
