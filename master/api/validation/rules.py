"""The words validation is written in.

A *test* looks at one value and returns what is wrong with it (`["must be ..."]`, empty when nothing).  A *rule* looks at
one object and reports to `Problems`; the functions here make rules from a field's name and tests, so that the rules of
a kind read as a table.  A field that is missing, null or empty is one thing, as it is for the server's own structs;
`pointer` is for the fields where an empty value differs from none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from master.api.validation.problems import Path, Problems

Object = dict[str, Any]
Test = Callable[[Any], Sequence[str]]
Rule = Callable[[Object, Path, Problems], None]
Rules = tuple[Rule, ...]


def check(rules: Rules, obj: Object, at: Path, out: Problems) -> None:
    for rule in rules:
        rule(obj, at, out)


# Fields with one value


def required(name: str, *tests: Test, detail: str = "") -> Rule:
    """Must be there and not empty; tests follow."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        if not value:
            out.required(at / name, detail)
        elif tests:
            _test(tests, value, name, at, out)

    return rule


def optional(name: str, *tests: Test) -> Rule:
    """Tested when there and not empty."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        if value:
            _test(tests, value, name, at, out)

    return rule


def pointer(name: str, *tests: Test) -> Rule:
    """Tested when there, even if empty."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        if value is not None:
            _test(tests, value, name, at, out)

    return rule


def always(name: str, zero: Any, *tests: Test) -> Rule:
    """Tested even when missing, as the zero value of its type."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        _test(tests, obj.get(name) or zero, name, at, out)

    return rule


def missing_as(name: str, zero: Any, *tests: Test) -> Rule:
    """Tested even when missing, as `zero`; an empty text was said and is tested as it is."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        _test(tests, zero if value is None else value, name, at, out)

    return rule


def one_of(name: str, values: tuple[str, ...], *, missing: str = "ok", detail: str = "") -> Rule:
    """An enumeration; `missing`: `ok`, `required` or `unsupported`."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name) or ""
        if value in values or (not value and missing == "ok"):
            return
        if not value and missing == "required":
            out.required(at / name, detail)
        else:
            out.unsupported(at / name, value, values)

    return rule


def pointer_of(name: str, values: tuple[str, ...]) -> Rule:
    """An enumeration that is checked whenever it is there, even if empty."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        if value is not None and value not in values:
            out.unsupported(at / name, value, values)

    return rule


# Fields with structure


def inner(name: str, *rules: Rule) -> Rule:
    """An object; a missing one is checked as an empty one."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        check(rules, obj.get(name) or {}, at / name, out)

    return rule


def present(name: str, *rules: Rule) -> Rule:
    """An object, checked only when there."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        value = obj.get(name)
        if value is not None:
            check(rules, value, at / name, out)

    return rule


def each(name: str, *rules: Rule) -> Rule:
    """A list of objects."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        items = obj.get(name)
        if items:
            here = at / name
            for index, item in enumerate(items):
                check(rules, item or {}, here / index, out)

    return rule


def each_value(name: str, *tests: Test) -> Rule:
    """A list of values."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        for index, value in enumerate(obj.get(name) or ()):
            for test in tests:
                for detail in test(value):
                    out.invalid(at / name / index, value, detail)

    return rule


def unique(name: str, key: str) -> Rule:
    """No two items of a list of objects share the value of `key`."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        seen = set()
        for index, item in enumerate(obj.get(name) or ()):
            value = item.get(key)
            if value in seen:
                out.duplicate(at / name / index / key, value)
            elif value:
                seen.add(value)

    return rule


def when(condition: Callable[[Object], bool], *rules: Rule) -> Rule:
    def rule(obj: Object, at: Path, out: Problems) -> None:
        if condition(obj):
            check(rules, obj, at, out)

    return rule


def _test(tests: tuple[Test, ...], value: Any, name: str, at: Path, out: Problems) -> None:
    for test in tests:
        for detail in test(value):
            out.invalid(at / name, value, detail)


# Tests of numbers


def at_least(low: int) -> Test:
    said = (f"must be greater than or equal to {low}",)
    return lambda value: () if value >= low else said


def between(low: int, high: int) -> Test:
    said = (f"must be between {low} and {high}, inclusive",)
    return lambda value: () if low <= value <= high else said


non_negative = at_least(0)
port_number = between(1, 65535)
