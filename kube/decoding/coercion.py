"""Brings a decoded JSON object into the form the API keeps it in, and finds what does not fit its schema.

How it works: each definition is compiled once, on first use, into closures: a table from field to converter.  A converter
answers the canonical value, or ABSENT for what an encoder would leave out (null, an empty optional list, the zero of a
field that has no pointer: kube/schemas/presence.py).  A wrong type raises `Mismatch`, which collects its path on the way up, so
that the good case pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from kube import schemas
from kube.decoding import scalars, typenames
from kube.decoding.scalars import ABSENT, Convert, Mismatch
from kube.schemas import Field, Shape, presence


class UnknownField(Exception):
    """Raised where a field is not in the schema; the caller prunes and starts again."""


def coerce(definition: str, value: Any) -> dict[str, Any]:
    """The canonical object; Mismatch, ValueError (a malformed quantity, time, ...) or UnknownField."""
    result: dict[str, Any] = struct(definition)(value)
    return result


_structs: dict[str, Convert] = {}


def struct(name: str) -> Convert:
    """The converter of a definition, compiled on first use."""
    if name in _structs:
        return _structs[name]
    table: dict[str, Convert] = {}
    always: list[tuple[str, Any]] = []
    convert = _struct_converter(name, table, always)
    _structs[name] = convert
    definition = schemas.definition(name)
    table |= {key: _field_converter(name, field) for key, field in definition.fields.items()}
    always += _always(definition).items()
    return convert


def _struct_converter(name: str, table: dict[str, Convert], always: list[tuple[str, Any]]) -> Convert:
    expected = ".".join(name.split(".")[-2:])

    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Mismatch(scalars.json_type(value), expected)
        result: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                if item is not None:
                    item = table[key](item)
                    if item is not ABSENT:
                        result[key] = item
                elif key not in table:
                    raise UnknownField
        except Mismatch as mismatch:
            mismatch.inside(name, key)
            raise
        except KeyError:
            raise UnknownField from None
        for key, empty in always:
            if key not in result:
                result[key] = deepcopy(empty) if empty else _zero(empty)
        return result

    return convert


def _zero(empty: Any) -> Any:
    return {} if empty == {} else empty


def _always(definition: schemas.Definition) -> dict[str, Any]:
    """Fields that are answered even when absent, filled with what is always in them."""
    found = presence.always(definition.name)
    fields = definition.fields
    if "kind" in fields and "metadata" in fields:
        found |= {key: {} for key in ("metadata", "spec", "status") if key in fields and fields[key].shape.ref}
    return {
        key: struct(fields[key].shape.ref)(empty) if isinstance(empty, dict) and fields[key].shape.ref else empty
        for key, empty in found.items()
    }


def _field_converter(definition: str, field: Field) -> Convert:
    shape, expected = field.shape, typenames.type_name(definition, field.name, field.shape)
    if shape.form == "list":
        return _list(definition, field, shape, keep_empty=field.required)
    if shape.form == "map":
        return _map(definition, field, shape, keep_empty=field.required)
    if shape.form == "string":
        pointer = field.required or field.name in presence.pointer_strings(definition)
        return scalars.string(expected, keep_empty=pointer)
    if shape.form in ("int32", "int64", "double"):
        keep = field.required or field.name not in presence.value_numbers(definition)
        return scalars.number(shape.form, expected, keep_zero=keep)
    if shape.form == "boolean":
        return scalars.boolean(keep_false=field.required or field.name not in presence.VALUE_BOOLEANS)
    return _element(definition, field, shape)


def _element(definition: str, field: Field, shape: Shape) -> Convert:
    """The converter of a value in a list or map, or of a reference: zeros are kept."""
    if shape.form == "list":
        return _list(definition, field, shape, keep_empty=True)
    if shape.form == "map":
        return _map(definition, field, shape, keep_empty=True)
    if shape.form == "ref":
        return _SCALARS[shape.ref] if shape.ref in _SCALARS else struct(shape.ref)
    expected = typenames.type_name(definition, field.name, shape)
    if shape.form == "string":
        return scalars.string(expected, keep_empty=True)
    if shape.form == "bytes":
        return scalars.base64_text
    if shape.form == "boolean":
        return scalars.boolean(keep_false=True)
    return scalars.number(shape.form, expected, keep_zero=True)


def _list(definition: str, field: Field, shape: Shape, keep_empty: bool) -> Convert:
    assert shape.element is not None
    element = _element(definition, field, shape.element)
    zero = _null_element(shape.element)
    expected = typenames.type_name(definition, field.name, shape)

    def convert(value: Any) -> Any:
        if type(value) is not list:
            raise Mismatch(scalars.json_type(value), expected)
        if not value:
            return value if keep_empty else ABSENT
        return [element(item if item is not None else zero()) for item in value]

    return convert


def _map(definition: str, field: Field, shape: Shape, keep_empty: bool) -> Convert:
    assert shape.element is not None
    resources = shape.element.ref == schemas.QUANTITY
    element = scalars.resource if resources else _element(definition, field, shape.element)
    zero = _null_element(shape.element)
    expected = typenames.type_name(definition, field.name, shape)

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch(scalars.json_type(value), expected)
        if not value:
            return value if keep_empty else ABSENT
        return {key: element(item if item is not None else zero()) for key, item in value.items()}

    return convert


_ZEROS: dict[str, Callable[[], Any]] = {
    "string": str,
    "int32": int,
    "int64": int,
    "double": int,
    "boolean": bool,
    "bytes": str,
    "list": list,
    "map": dict,
}


def _null_element(shape: Shape) -> Callable[[], Any]:
    """What a null in a list or map stands for."""
    if shape.ref == schemas.QUANTITY:
        return lambda: "0"
    return dict if shape.form == "ref" else _ZEROS[shape.form]


_PROPS = schemas.APIEXTENSIONS + "JSONSchemaProps"


def _schema_or_array(value: Any) -> Any:
    if type(value) is list:
        return [struct(_PROPS)(item if item is not None else {}) for item in value]
    return _schema_or("JSONSchemaPropsOrArray", value)


def _schema_or_bool(value: Any) -> Any:
    return value if type(value) is bool else _schema_or("JSONSchemaPropsOrBool", value)


def _schema_or_strings(value: Any) -> Any:
    if type(value) is list and all(type(item) is str for item in value):
        return value
    return _schema_or("JSONSchemaPropsOrStringArray", value)


def _schema_or(expected: str, value: Any) -> Any:
    if type(value) is not dict:
        raise ValueError(f"json: cannot unmarshal {scalars.json_type(value)} into Go value of type v1.{expected}")
    return struct(_PROPS)(value)


_SCALARS: dict[str, Convert] = {
    schemas.QUANTITY: scalars.quantity,
    schemas.INT_OR_STRING: scalars.int_or_string,
    schemas.TIME: scalars.time,
    schemas.MICRO_TIME: scalars.micro_time,
    schemas.RAW: scalars.as_is,
    schemas.FIELDS_V1: scalars.as_is,
    schemas.ANY_JSON: scalars.as_is,
    schemas.SCHEMA_OR_ARRAY: _schema_or_array,
    schemas.SCHEMA_OR_BOOL: _schema_or_bool,
    schemas.SCHEMA_OR_STRINGS: _schema_or_strings,
}
