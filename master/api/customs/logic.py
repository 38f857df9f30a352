"""allOf, anyOf, oneOf and not: what a value must fit besides its type.

The server names the branch that came nearest: the first with the fewest complaints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kube.errors import Cause
from master.api.validation.problems import Path, Problems

Object = dict[str, Any]
Check = Callable[[Any, Any, Path, Problems], None]

ALL = "must validate all the schemas (allOf)"
ANY = "must validate at least one schema (anyOf)"
NOT = "must not validate the schema (not)"


def logic(schema: Object, compile: Callable[[Object], Check]) -> Iterator[Check]:
    if schema.get("x-kubernetes-int-or-string"):
        schema = {name: schema[name] for name in schema if name != "anyOf"}
    if schema.get("allOf"):
        yield _all([compile(branch) for branch in schema["allOf"]])
    if schema.get("anyOf"):
        yield _any([compile(branch) for branch in schema["anyOf"]])
    if schema.get("oneOf"):
        yield _one([compile(branch) for branch in schema["oneOf"]])
    if schema.get("not") is not None:
        yield _not(compile(schema["not"]))


def _tried(branches: list[Check], value: Any, old: Any, at: Path) -> list[Problems]:
    found = []
    for branch in branches:
        out = Problems()
        branch(value, old, at, out)
        found.append(out)
    return found


def _nearest(tried: list[Problems]) -> Problems:
    fewest = min(len(one) for one in tried)
    return next(one for one in tried if len(one) == fewest)


def _all(branches: list[Check]) -> Check:
    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        failed = [one for one in _tried(branches, value, old, at) if one]
        if failed:
            _say(at, ALL, out)
        for one in failed:
            out += one

    return check


def _any(branches: list[Check]) -> Check:
    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        tried = _tried(branches, value, old, at)
        if all(tried):
            _say(at, ANY, out)
            out += _nearest(tried)

    return check


def _one(branches: list[Check]) -> Check:
    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        tried = _tried(branches, value, old, at)
        fitting = sum(not one for one in tried)
        if fitting == 1:
            return
        found = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
        _say(at, f"must validate one and only one schema (oneOf). {found}", out)
        if not fitting:
            out += _nearest(tried)

    return check


def _not(branch: Check) -> Check:
    def check(value: Any, old: Any, at: Path, out: Problems) -> None:
        if not _tried([branch], value, old, at)[0]:
            _say(at, NOT, out)

    return check


def _say(at: Path, what: str, out: Problems) -> None:
    out.append(Cause("FieldValueInvalid", f'Invalid value: "": "{at}" {what}', "<nil>"))
