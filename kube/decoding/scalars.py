"""Brings values that are no objects with fields into canonical form: texts, numbers, base64, quantities, times.

Each converter answers the value to keep, or ABSENT; a value of another JSON type raises `Mismatch`, a malformed one ValueError.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from kube import quantities, times
from kube.decoding import typenames

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


_JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def json_type(value: Any) -> str:
    """A value's JSON type in the words of Go's errors."""
    return _JSON_TYPES.get(type(value), "null")


def string(expected: str, keep_empty: bool) -> Convert:
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


def number(form: str, expected: str, keep_zero: bool) -> Convert:
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


def boolean(keep_false: bool) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not bool:
            raise Mismatch(json_type(value), "bool")
        return value if value or keep_false else ABSENT

    return convert


_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


def base64_text(value: Any) -> str:
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


def quantity(value: Any) -> str:
    """A quantity outside resource lists keeps the words it was written in."""
    text = _quantity_text(value)
    quantities.parse(text)
    return text


def resource(value: Any) -> str:
    return quantities.canonical_resource(_quantity_text(value))


def _number_text(value: float) -> str:
    text = repr(value)
    return text.removesuffix(".0") if "e" not in text else text.replace("e+", "e")


def time(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch(json_type(value), "string")
    return times.canonical(value)


def micro_time(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch(json_type(value), "string")
    return times.micro_canonical(value)


def int_or_string(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is int and -(2**31) <= value < 2**31:
        return value
    found = json_type(value)
    raise Mismatch(f"number {_number_text(value)}" if found == "number" else found, "int32")


def as_is(value: Any) -> Any:
    return value
