"""Rules of custom resources (`x-kubernetes-validations`, KEP-2876): expressions over a value, and over the old one.

A rule that speaks of `oldSelf` is asked only where there is an old value to compare with, unless it takes an optional; any
other is not asked about what did not change.  All rules of an object share one budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from kube.errors import Cause
from master.api import cel
from master.api.cel.tokens import tokens
from master.api.cel.values import DYN, Maybe, maybe_of
from master.api.customs.types import adapter, type_of_schema
from master.api.customs.values import NEW, correlated
from master.api.validation.problems import Path, Problems, shown

Object = dict[str, Any]

RULES = "x-kubernetes-validations"
BUDGET = 10_000_000
"""Of all rules of one object, in the reference's units: about a second of its time."""
OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"
OUT_OF_CALL = (
    "call cost exceeds limit for rule: {}, "
    "no further validation rules will be run due to call cost exceeds limit for rule"
)
REASONS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
}


@dataclass(slots=True)
class Purse:
    """What the rules of an object may still cost."""

    left: int = BUDGET


class SpentError(Exception):
    """Nothing is left to ask further rules with."""


Check = Callable[[Any, Any, Path, Problems, Purse], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; `said` answers the message's text, `field` is where under the value it is reported."""

    text: str
    program: cel.Program
    compares: bool
    optional: bool
    message: str
    expression: cel.Program | None
    reason: str
    field: str


def compile_rule(found: Object, schema: Object, root: bool) -> Rule:
    """CompileError where the rule, or the expression of its message, is wrong."""
    self_type = type_of_schema(schema, root) or DYN
    optional = bool(found.get("optionalOldSelf"))
    variables = {"self": self_type, "oldSelf": maybe_of(self_type) if optional else self_type}
    text, expression = found.get("rule") or "", found.get("messageExpression") or ""
    return Rule(
        text,
        cel.compile(text, variables),
        any(token.value == "oldSelf" for token in tokens(text)[0]),
        optional,
        (found.get("message") or "").strip(),
        cel.compile(expression, variables) if expression else None,
        found.get("reason") or "FieldValueInvalid",
        found.get("fieldPath") or "",
    )


def rules(schema: Object) -> Callable[[Any, Any, Path, Problems], None] | None:
    """Asks every rule of a schema; None where it has none."""
    try:
        check = _checker(schema, root=True)
    except cel.CompileError as error:
        return _broken(f"rule compilation error: {error}")
    if check is None:
        return None

    def ask(value: Any, old: Any, at: Path, out: Problems) -> None:
        try:
            check(value, old, at, out, Purse())
        except SpentError:
            return  # said already

    return ask


def _broken(said: str) -> Callable[[Any, Any, Path, Problems], None]:
    """Of a definition that came past its checks: nothing is taken that cannot be judged."""

    def ask(_value: Any, _old: Any, at: Path, out: Problems) -> None:
        out.append(Cause("FieldValueInvalid", f"Invalid value: {said}", str(at) or "<nil>"))

    return ask


def _checker(schema: Object, root: bool = False) -> Check | None:
    own = [compile_rule(one, schema, root) for one in schema.get(RULES) or ()]
    parts: list[Check] = [partial(_ask, own, adapter(schema) or _as_it_is)] if own else []
    parts += [part for part in (_items(schema), _fields(schema)) if part is not None]
    if not parts:
        return None

    def check(value: Any, old: Any, at: Path, out: Problems, purse: Purse) -> None:
        if value is not None:
            for part in parts:
                part(value, old, at, out, purse)

    return check


def _as_it_is(value: Any) -> Any:
    return value


def _items(schema: Object) -> Check | None:
    items = schema.get("items")
    inner = _checker(items) if isinstance(items, dict) else None
    if inner is None:
        return None
    match = correlated(schema)

    def check(value: Any, old: Any, at: Path, out: Problems, purse: Purse) -> None:
        if type(value) is list:
            before = match(value, old)
            for index, one in enumerate(value):
                inner(one, before[index], at / index, out, purse)

    return check


def _fields(schema: Object) -> Check | None:
    known = {name: found for name, child in (schema.get("properties") or {}).items() if (found := _checker(child))}
    more = schema.get("additionalProperties")
    others = _checker(more) if isinstance(more, dict) else None
    if not known and others is None:
        return None

    def check(value: Any, old: Any, at: Path, out: Problems, purse: Purse) -> None:
        if type(value) is dict:
            before = old if type(old) is dict else {}
            for name, one in value.items():
                inner = known.get(name, others)
                if inner is not None:
                    inner(one, before.get(name, NEW), at / name, out, purse)

    return check


# One value's rules


def _ask(
    own: list[Rule], adapt: Callable[[Any], Any], value: Any, old: Any, at: Path, out: Problems, purse: Purse
) -> None:
    unchanged = old is not NEW and value == old
    for rule in own:
        if unchanged and not rule.compares:
            continue
        if rule.compares and old is NEW and not rule.optional:
            continue
        values = {"self": adapt(value), "oldSelf": _old(rule, old, adapt)}
        try:
            holds = _run(rule.program, values, purse)
        except cel.BudgetError:
            said = OUT_OF_BUDGET if purse.left < cel.CALL_BUDGET else OUT_OF_CALL.format(rule.text)
            out.append(_cause("FieldValueInvalid", at, value, said))
            raise SpentError from None
        except cel.CelError as error:
            said = f"{error} evaluating rule: {rule.message or rule.text}"
            out.append(_cause("FieldValueInvalid", at, value, said))
            continue
        if holds is not True:
            out.append(_cause(rule.reason, _below(at, rule.field), value, _message(rule, values, purse)))


def _old(rule: Rule, old: Any, adapt: Callable[[Any], Any]) -> Any:
    if rule.optional:
        return Maybe() if old is NEW else Maybe(adapt(old), True)
    return None if old is NEW else adapt(old)


def _run(program: cel.Program, values: Object, purse: Purse) -> Any:
    value, cost = program.run(values, min(cel.CALL_BUDGET, purse.left))
    purse.left -= cost
    return value


def _message(rule: Rule, values: Object, purse: Purse) -> str:
    """Of the expression, where that makes one; else the rule's own words."""
    plain = rule.message or f"failed rule: {rule.text}"
    if rule.expression is None:
        return plain
    try:
        said = _run(rule.expression, values, purse)
    except cel.CelError:
        return plain
    return said.strip() if type(said) is str and said.strip() and "\n" not in said.strip() else plain


def _cause(reason: str, at: Path, value: Any, said: str) -> Cause:
    opening = REASONS[reason]
    plain = reason == "FieldValueInvalid" and not isinstance(value, dict | list)
    return Cause(reason, f"{opening}: {shown(value)}: {said}" if plain else f"{opening}: {said}", str(at) or "<nil>")


def _below(at: Path, field: str) -> Path:
    """`.minCrew` under the value; `['a.b']` is one name."""
    for step in _steps(field):
        at = at / step
    return at


def _steps(field: str) -> Iterator[str]:
    for part in field.replace("['", "\0").replace("']", "\0").split("\0"):
        if part.startswith("."):
            yield from part.strip(".").split(".")
        elif part:
            yield part
