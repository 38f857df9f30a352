"""Whether a custom resource fits its structural schema: every value against its type, bounds, names and branches.

A schema is compiled once into closures.  A closure gets the value, the old value in its place (`NEW` where there is none to
compare with), where it lies, and the causes found so far.  What did not change is not judged again (KEP-4008): a schema may
grow stricter without locking up the objects there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from kube.errors import Cause
from kube.patterns import compile_pattern
from master.api.customs.formats import FORMATS
from master.api.customs.logic import logic
from master.api.customs.values import NEW, correlated, type_of
from master.api.validation.problems import Path, Problems

log = logging.getLogger(__name__)

Object = dict[str, Any]
Check = Callable[[Any, Any, Path, Problems], None]

_HEADER = ("apiVersion", "kind", "metadata")
_EITHER = ("integer", "string")


def checker(schema: Object, root: bool = False) -> Check:
    """`root`: of a whole resource, whose metadata is checked elsewhere."""
    allowed = _allowed(schema)
    nullable = bool(schema.get("nullable"))
    parts = list(_parts(schema, root))

    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if old is not NEW and value == old and type(value) is type(old):
            return
        if value is None and nullable:
            return
        found = type_of(value)
        if allowed and found not in allowed:
            _wrong_type(allowed, value, found, at, out, bounded)
            return
        for part in parts:
            part(value, old, at, out)

    bounded = any(schema.get(name) is not None for name in ("minimum", "maximum", "multipleOf"))
    return check


def _allowed(schema: Object) -> tuple[str, ...]:
    """The types a value may have; empty for any."""
    if schema.get("x-kubernetes-int-or-string"):
        return _EITHER
    wanted = schema.get("type") or ""
    return ("number", "integer") if wanted == "number" else (wanted,) if wanted else ()


def _wrong_type(allowed: tuple[str, ...], value: Any, found: str, at: Path, out: Problems, bounded: bool) -> None:
    wanted = ",".join(allowed) if allowed == _EITHER else allowed[0]
    out.wrong_type(at, found, f'{at} in body must be of type {wanted}: "{found}"')
    if bounded and found == "number" and wanted == "integer":
        said = f'Invalid value: "": Checked value must be of type integer (default format) in {at}'
        out.append(Cause("FieldValueInvalid", said, "<nil>"))


def _parts(schema: Object, root: bool) -> Iterable[Check]:
    yield from logic(schema, checker)
    if schema.get("enum"):
        yield _enum(schema["enum"])
    if schema.get("x-kubernetes-embedded-resource"):
        yield _embedded
    for names, part in _BOUNDS:
        if any(schema.get(name) not in (None, "") for name in names):
            yield part(schema)
    if isinstance(schema.get("items"), dict):
        yield _items(schema)
    if schema.get("properties") or isinstance(schema.get("additionalProperties"), dict):
        yield _fields(schema, root)


def _enum(allowed: list[Any]) -> Check:
    texts = tuple(str(one) for one in allowed)

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if not any(value == one and type_of(value) == type_of(one) for one in allowed):
            out.unsupported(at, value, texts)

    return check


# Bounds of texts, numbers, lists and objects


def _text(schema: Object) -> Check:
    low, high = schema.get("minLength"), schema.get("maxLength")
    pattern, format = schema.get("pattern") or "", schema.get("format") or ""
    search = _search(pattern)
    test = FORMATS.get(format)

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if type(value) is not str:
            return
        if high is not None and len(value) > high:
            out.too_long(at, high)
        if low is not None and len(value) < low:
            out.invalid(at, value, f"{at} in body should be at least {low} chars long")
        if search is not None and not search(value):
            out.invalid(at, value, f"{at} in body should match '{pattern}'")
        if test is not None and not test(value):
            out.wrong_type(at, value, f'{at} in body must be of type {format}: "{value}"')

    return check


def _search(pattern: str) -> Callable[[str], Any] | None:
    """None for no pattern, and for one that cannot be read: then it is not asked."""
    if not pattern:
        return None
    try:
        return compile_pattern(pattern).search
    except ValueError as error:
        log.warning("left out a pattern that cannot be read: %s", error)
        return None


def _number(schema: Object) -> Check:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if type(value) is not int and type(value) is not float:
            return
        if high is not None and (value > high or (below and value == high)):
            than = "less than" if below else "less than or equal to"
            out.invalid(at, value, f"{at} in body should be {than} {high}")
        if low is not None and (value < low or (above and value == low)):
            than = "greater than" if above else "greater than or equal to"
            out.invalid(at, value, f"{at} in body should be {than} {low}")
        if step and not (value / step).is_integer():
            out.invalid(at, value, f"{at} in body should be a multiple of {step}")

    return check


def _list_size(schema: Object) -> Check:
    low, high = schema.get("minItems"), schema.get("maxItems")

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if type(value) is list:
            if low is not None and len(value) < low:
                out.invalid(at, len(value), f"{at} in body should have at least {low} items")
            if high is not None and len(value) > high:
                out.too_many(at, len(value), high)

    return check


def _object_size(schema: Object) -> Check:
    low, high = schema.get("minProperties"), schema.get("maxProperties")

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if type(value) is dict:
            if low is not None and len(value) < low:
                out.invalid(at, len(value), f"{at} in body should have at least {low} properties")
            if high is not None and len(value) > high:
                out.too_many(at, len(value), high)

    return check


def _required(schema: Object) -> Check:
    names = tuple(schema["required"])

    def check(value: Any, _old: Any, at: Path, out: Problems) -> None:
        if type(value) is dict:
            for name in names:
                if name not in value:
                    out.required(at / name)

    return check


_BOUNDS: tuple[tuple[tuple[str, ...], Callable[[Object], Check]], ...] = (
    (("minLength", "maxLength", "pattern", "format"), _text),
    (("minimum", "maximum", "multipleOf"), _number),
    (("minItems", "maxItems"), _list_size),
    (("minProperties", "maxProperties"), _object_size),
    (("required",), _required),
)


# What is inside


def _items(schema: Object) -> Check:
    inner = checker(schema["items"])
    match = correlated(schema)

    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if type(value) is list:
            before = match(value, old)
            for index, one in enumerate(value):
                inner(one, before[index], at / index, out)

    return check


def _fields(schema: Object, root: bool) -> Check:
    properties = schema.get("properties") or {}
    skipped = _HEADER if root or schema.get("x-kubernetes-embedded-resource") else ()
    known = {name: checker(child) for name, child in properties.items() if name not in skipped}
    more = schema.get("additionalProperties")
    others = checker(more) if isinstance(more, dict) else None

    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if type(value) is not dict:
            return
        before = old if type(old) is dict else {}
        for name, one in value.items():
            inner = known.get(name, others)
            if inner is not None and name not in skipped:
                inner(one, before.get(name, NEW), at / name, out)

    return check


def _embedded(value: Any, _old: Any, at: Path, out: Problems) -> None:
    """A whole resource inside another one says what it is."""
    if type(value) is dict:
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                out.required(at / name, "must not be empty")
