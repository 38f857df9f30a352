"""Whether the rules in a definition's schema can be: each compiles, compares only what can be told apart, and costs little.

Costs are the most that rules can come to on the largest object the schema allows; the limits are the reference's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from kube.errors import Cause
from master.api.cel import CompileError
from master.api.customs.rules import RULES, compile_rule
from master.api.customs.types import most_items
from master.api.validation.problems import Path, Problems

Object = dict[str, Any]

RULE_LIMIT, SCHEMA_LIMIT = 10_000_000, 100_000_000
HINT = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
CONTRIBUTED = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
UNTOLD = "oldSelf cannot be used on the uncorrelatable portion of the schema within {}"
NAMED = 4
"""How many of the costliest rules are named."""


@dataclass(slots=True)
class _Total:
    cost: int = 0
    rules: list[tuple[int, Path]] = field(default_factory=list)


def check_rules(schema: Object, at: Path, out: Problems) -> None:
    total = _Total()
    _walk(schema, at, out, total, times=1, told=True, root=True)
    if total.cost <= SCHEMA_LIMIT:
        return
    for _, where in sorted(total.rules, key=lambda one: -one[0])[:NAMED]:
        out.forbidden(where, CONTRIBUTED)
    said = f"{RULES} estimated rule cost total for entire OpenAPIv3 schema exceeds budget by {_factor(total.cost, SCHEMA_LIMIT)}"
    out.forbidden(at, f"{said} {HINT}")


def _walk(
    schema: Object, at: Path, out: Problems, total: _Total, *, times: int, told: bool, root: bool = False
) -> None:
    """`times` a value of this schema can occur; `told`: each can be found again in an old object."""
    for index, found in enumerate(schema.get(RULES) or ()):
        _rule(found, schema, at / RULES / index, out, total, times, told, root)
    for name, child in (schema.get("properties") or {}).items():
        _walk(child, (at / "properties")[name], out, total, times=times, told=told)
    if isinstance(schema.get("items"), dict):
        same = told and schema.get("x-kubernetes-list-type") == "map"
        _walk(schema["items"], at / "items", out, total, times=times * most_items(schema), told=same)
    if isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
        _walk(inner, at / "additionalProperties", out, total, times=times * most_items(schema), told=told)


def _rule(
    found: Object, schema: Object, at: Path, out: Problems, total: _Total, times: int, told: bool, root: bool
) -> None:
    if not (found.get("rule") or "").strip():
        out.required(at / "rule", "rule is not specified")
        return
    try:
        rule = compile_rule(found, schema, root)
    except CompileError as error:
        in_message = "messageExpression" if _message_fails(found, schema, root) else "rule"
        what = "messageExpression compilation failed" if in_message == "messageExpression" else "compilation failed"
        _wrong(out, at / in_message, found, f"{what}: {error}")
        return
    if rule.program.type.name not in ("bool", "dyn"):
        _wrong(out, at / "rule", found, "compilation failed: cel expression must evaluate to a bool")
    if rule.expression is not None and rule.expression.type.name not in ("string", "dyn"):
        said = "messageExpression must evaluate to a string"
        _wrong(out, at / "messageExpression", found, said)
    if rule.compares and not told:
        out.invalid(at / "rule", rule.text, UNTOLD.format(at))
    cost = rule.program.cost * times
    total.cost += cost
    total.rules.append((cost, at / "rule"))
    if cost > RULE_LIMIT:
        out.forbidden(at / "rule", f"estimated rule cost exceeds budget by {_factor(cost, RULE_LIMIT)} {HINT}")


def _wrong(out: Problems, at: Path, found: Object, said: str) -> None:
    out.append(Cause("FieldValueInvalid", f"Invalid value: {_in_go(found)}: {said}", str(at)))


def _message_fails(found: Object, schema: Object, root: bool) -> bool:
    """Whether it is the message's expression that does not compile."""
    try:
        compile_rule({**found, "messageExpression": ""}, schema, root)
    except CompileError:
        return False
    return True


def _factor(cost: int, limit: int) -> str:
    factor = cost / limit
    return "factor of more than 100x" if factor > 100 else f"factor of {factor:.1f}x"


def _in_go(found: Object) -> str:
    """A rule as the server shows its own struct."""
    struct = {
        "Rule": found.get("rule") or "",
        "Message": found.get("message") or "",
        "MessageExpression": found.get("messageExpression") or "",
        "Reason": found.get("reason"),
        "FieldPath": found.get("fieldPath") or "",
        "OptionalOldSelf": found.get("optionalOldSelf"),
    }
    text = orjson.dumps(struct).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
