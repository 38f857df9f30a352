"""What the objects of every built-in kind are made of: fields, their types, and how their lists and maps merge.

Generated from the published schemas of Kubernetes 1.36 (`generate.py` writes definitions.json); read lazily, a definition
at a time, so that a process pays only for what it uses.

    schemas.of(kind).fields["spec"].shape.ref        # "io.k8s.api.core.v1.PodSpec"
    schemas.definition("io.k8s.api.core.v1.PodSpec").fields["containers"].merge_key    # "name"
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import orjson

from kube.kinds import Kind

Form = Literal["string", "int32", "int64", "double", "bytes", "boolean", "object", "ref", "list", "map"]

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
TIME = META + "Time"
MICRO_TIME = META + "MicroTime"
FIELDS_V1 = META + "FieldsV1"
OBJECT_META = META + "ObjectMeta"
APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
ANY_JSON = APIEXTENSIONS + "JSON"
SCHEMA_OR_ARRAY = APIEXTENSIONS + "JSONSchemaPropsOrArray"
SCHEMA_OR_BOOL = APIEXTENSIONS + "JSONSchemaPropsOrBool"
SCHEMA_OR_STRINGS = APIEXTENSIONS + "JSONSchemaPropsOrStringArray"

# Kinds that every group has.
_OPTIONS = frozenset({"DeleteOptions", "Status"})
_META_VERSIONS = frozenset({"v1", "meta.k8s.io/v1"})
# Definitions that are values of their own, not objects with fields.
SCALARS = frozenset({QUANTITY, INT_OR_STRING, RAW, TIME, MICRO_TIME, FIELDS_V1, ANY_JSON}) | {
    SCHEMA_OR_ARRAY,
    SCHEMA_OR_BOOL,
    SCHEMA_OR_STRINGS,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value: a scalar form, a `ref` to a definition, or a `list` or `map` of an element."""

    form: Form
    ref: str = ""
    element: Shape | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a definition, as the schema describes it."""

    name: str
    shape: Shape
    required: bool = False
    enum: tuple[str, ...] = ()
    merge_key: str = ""
    patch_strategy: frozenset[str] = frozenset()
    list_type: str = ""
    list_keys: tuple[str, ...] = ()
    map_type: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A struct of the API; `map_type` is `atomic` where the whole is one value to server-side apply."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    map_type: str = ""

    @property
    def short_name(self) -> str:
        """`PodSpec`."""
        return self.name.rpartition(".")[2]


def of(kind: Kind) -> Definition:
    """The definition of a built-in kind; KeyError for one that is none."""
    return definition(name_of(kind.api_version, kind.kind))


def name_of(api_version: str, kind: str) -> str:
    """The definition's name of `apps/v1`, `Deployment`; KeyError when unknown."""
    if api_version in _META_VERSIONS and kind in _OPTIONS:
        return META + kind
    return str(_data()["kinds"][f"{api_version}/{kind}"])


@cache
def definition(name: str) -> Definition:
    """A definition by its full name; KeyError when no served kind reaches it."""
    raw = _data()["definitions"][name]
    fields = {key: _field(key, value) for key, value in raw["fields"].items()}
    return Definition(name, fields, raw.get("mapType", ""))


def names() -> list[str]:
    return list(_data()["definitions"])


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(resources.files(__name__).joinpath("definitions.json").read_bytes())
    return data


def _field(name: str, raw: str | list[Any]) -> Field:
    if isinstance(raw, str):
        return Field(name, shape(raw))
    more = raw[1]
    return Field(
        name,
        shape(raw[0]),
        more.get("required", False),
        tuple(more.get("enum", ())),
        more.get("mergeKey", ""),
        frozenset(filter(None, more.get("patchStrategy", "").split(","))),
        more.get("listType", ""),
        tuple(more.get("listKeys", ())),
        more.get("mapType", ""),
    )


@cache
def shape(text: str) -> Shape:
    """The shape of a type's text: `[]string`, `{}io.k8s...Quantity`."""
    if text.startswith("[]"):
        return Shape("list", element=shape(text[2:]))
    if text.startswith("{}"):
        return Shape("map", element=shape(text[2:]))
    if text.startswith("io."):
        return Shape("ref", ref=text)
    return Shape(text)  # type: ignore[arg-type]  # the generator writes only forms
