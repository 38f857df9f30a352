"""Brings a decoded JSON object into the form the API keeps it in, and finds what does not fit its schema.

How it works: each definition is compiled once, on first use, into closures: a table from field to converter.  A converter
answers the canonical value, or ABSENT for what an encoder would leave out (null, an empty optional list, the zero of a
field that has no pointer: kube/presence.py).  A wrong type raises `Mismatch`, which collects its path on the way up, so
that the good case pays nothing for it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from kube import presence, quantities, schemas, times, typenames
from kube.schemas import Field, Shape

Convert = Callable[[Any], Any]


class _Absent:
    """The type of ABSENT, the value of a field that is left out."""


ABSENT = _Absent()


class Mismatch(Exception):
    """A value of the wrong JSON type; `text` is the message in Go's words."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found, self.expected = found, expected
        self.struct, self.path = "", ""

    def inside(self, definition: str, field: str) -> None:
        """Notes one more level on the way from the value to the root."""
        part = typenames.path_part(definition, field)
        self.struct = self.struct or definition.rpartition(".")[2]
        self.path = f"{part}.{self.path}" if self.path else part

    @property
    def text(self) -> str:
        place = f"Go struct field {self.struct}.{self.path}" if self.path else "Go value"
        return f"json: cannot unmarshal {self.found} into {place} of type {self.expected}"


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
            raise Mismatch(json_type(value), expected)
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
        return _string(expected, keep_empty=pointer)
    if shape.form in ("int32", "int64", "double"):
        keep = field.required or field.name not in presence.value_numbers(definition)
        return _number(shape.form, expected, keep_zero=keep)
    if shape.form == "boolean":
        return _boolean(keep_false=field.required or field.name not in presence.VALUE_BOOLEANS)
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
        return _string(expected, keep_empty=True)
    if shape.form == "bytes":
        return _bytes
    if shape.form == "boolean":
        return _boolean(keep_false=True)
    return _number(shape.form, expected, keep_zero=True)


def _list(definition: str, field: Field, shape: Shape, keep_empty: bool) -> Convert:
    assert shape.element is not None
    element = _element(definition, field, shape.element)
    zero = _null_element(shape.element)
    expected = typenames.type_name(definition, field.name, shape)

    def convert(value: Any) -> Any:
        if type(value) is not list:
            raise Mismatch(json_type(value), expected)
        if not value:
            return value if keep_empty else ABSENT
        return [element(item if item is not None else zero()) for item in value]

    return convert


def _map(definition: str, field: Field, shape: Shape, keep_empty: bool) -> Convert:
    assert shape.element is not None
    resources = shape.element.ref == schemas.QUANTITY
    element = _resource if resources else _element(definition, field, shape.element)
    zero = _null_element(shape.element)
    expected = typenames.type_name(definition, field.name, shape)

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            raise Mismatch(json_type(value), expected)
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


def _string(expected: str, keep_empty: bool) -> Convert:
    def kept(value: Any) -> Any:
        if type(value) is str:
            return value
        raise Mismatch(json_type(value), expected)

    def by_value(value: Any) -> Any:
        if type(value) is str:
            return value or ABSENT
        raise Mismatch(json_type(value), expected)

    return kept if keep_empty else by_value


_LIMITS = {"int32": 2**31, "int64": 2**63}


def _number(form: str, expected: str, keep_zero: bool) -> Convert:
    limit = _LIMITS.get(form, 0)

    def integer(value: Any) -> Any:
        if type(value) is not int:
            found = f"number {_number_text(value)}" if type(value) is float else json_type(value)
            raise Mismatch(found, expected)
        if not -limit <= value < limit:
            raise Mismatch(f"number {value}", expected)
        return value if value or keep_zero else ABSENT

    def double(value: Any) -> Any:
        if type(value) not in (int, float):
            raise Mismatch(json_type(value), expected)
        return int(value) if float(value).is_integer() and abs(value) < 2**53 else value

    return integer if limit else double


def _boolean(keep_false: bool) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not bool:
            raise Mismatch(json_type(value), "bool")
        return value if value or keep_false else ABSENT

    return convert


_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


def _bytes(value: Any) -> str:
    """Base64 text, written back without line breaks."""
    if type(value) is not str:
        raise Mismatch(json_type(value), "[]uint8")
    text = value.replace("\n", "").replace("\r", "") if "\n" in value or "\r" in value else value
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"illegal base64 data at input byte {_base64_fault(text)}") from error
    return text


def _base64_fault(text: str) -> int:
    """Where Go's decoder stops: at the first foreign character, else at the start of the last, short quantum."""
    match = _BASE64.match(text)
    end = match.end() if match else 0
    return end if end < len(text) else len(text) - len(text) % 4


def _quantity_text(value: Any) -> str:
    if type(value) is str:
        return value.strip()
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return _number_text(value)
    raise ValueError(quantities.WRONG_FORMAT)


def _quantity(value: Any) -> str:
    """A quantity outside resource lists keeps the words it was written in."""
    text = _quantity_text(value)
    quantities.parse(text)
    return text


def _resource(value: Any) -> str:
    return quantities.canonical_resource(_quantity_text(value))


def _number_text(value: float) -> str:
    text = repr(value)
    return text.removesuffix(".0") if "e" not in text else text.replace("e+", "e")


def _time(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch(json_type(value), "string")
    return times.canonical(value)


def _micro_time(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch(json_type(value), "string")
    return times.micro_canonical(value)


def _int_or_string(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is int and -(2**31) <= value < 2**31:
        return value
    found = json_type(value)
    raise Mismatch(f"number {_number_text(value)}" if found == "number" else found, "int32")


def _as_is(value: Any) -> Any:
    return value


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
        raise ValueError(f"json: cannot unmarshal {json_type(value)} into Go value of type v1.{expected}")
    return struct(_PROPS)(value)


_SCALARS: dict[str, Convert] = {
    schemas.QUANTITY: _quantity,
    schemas.INT_OR_STRING: _int_or_string,
    schemas.TIME: _time,
    schemas.MICRO_TIME: _micro_time,
    schemas.RAW: _as_is,
    schemas.FIELDS_V1: _as_is,
    schemas.ANY_JSON: _as_is,
    schemas.SCHEMA_OR_ARRAY: _schema_or_array,
    schemas.SCHEMA_OR_BOOL: _schema_or_bool,
    schemas.SCHEMA_OR_STRINGS: _schema_or_strings,
}

_JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def json_type(value: Any) -> str:
    """A value's JSON type in the words of Go's errors."""
    return _JSON_TYPES.get(type(value), "null")
