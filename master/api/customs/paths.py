"""The paths definitions point into objects with: `.spec.oars` of scale and selectable fields, JSONPath of columns.

Of JSONPath what columns are made of: members (`.a`, `['a.b']`), indices and slices of one, wildcards, and filters that
compare a member with a text or number (`[?(@.type=="Ready")]`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

Object = dict[str, Any]
Step = Callable[[Any], Iterator[Any]]

_STEP = re.compile(
    r"""\.?(?P<all>\*|\[\*\])
      | \.(?P<member>(?:\\.|[^.\[\]\\])+)
      | \[['"](?P<quoted>[^'"]*)['"]\]
      | \[(?P<index>-?\d+)\]
      | \[\?\(\s*@(?P<field>[^=!<>\s)]*)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>'[^']*'|"[^"]*"|[^)\s]+))?\s*\)\]
    """,
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def members(path: str) -> tuple[str, ...]:
    """`.spec.oars` → ("spec", "oars")."""
    return tuple(path.strip().removeprefix(".").split("."))


def at(obj: Any, steps: tuple[str, ...]) -> Any:
    """What lies there; None where any part is missing."""
    for step in steps:
        if type(obj) is not dict:
            return None
        obj = obj.get(step)
    return obj


def finder(path: str) -> Callable[[Any], list[Any]]:
    """Everything a JSONPath finds in an object; ValueError for one it cannot read."""
    steps = list(_steps(path.strip().removeprefix("{").removesuffix("}")))
    return lambda obj: reduce(lambda found, step: [one for value in found for one in step(value)], steps, [obj])


def _steps(path: str) -> Iterator[Step]:
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise ValueError(f"cannot read the JSONPath {path!r} from {path[position:]!r} on")
        position = found.end()
        yield _step(found)


def _step(found: re.Match[str]) -> Step:
    if found["all"]:
        return _everything
    if found["index"]:
        return _indexed(int(found["index"]))
    if found["field"] is not None:
        return _filtered(found["field"], found["op"] or "", found["value"] or "")
    member = found["quoted"] if found["quoted"] is not None else re.sub(r"\\(.)", r"\1", found["member"])
    return _member(member)


def _member(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if type(value) is dict and name in value:
            yield value[name]

    return step


def _indexed(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if type(value) is list and -len(value) <= index < len(value):
            yield value[index]

    return step


def _everything(value: Any) -> Iterator[Any]:
    if type(value) is dict:
        yield from value.values()
    elif type(value) is list:
        yield from value


def _filtered(field: str, op: str, text: str) -> Step:
    find, wanted = finder(field), _literal(text)

    def step(value: Any) -> Iterator[Any]:
        for one in value if type(value) is list else ():
            found = find(one)
            if found and (not op or (type(found[0]) is type(wanted) and _COMPARE[op](found[0], wanted))):
                yield one

    return step


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
