"""All that a custom resource must satisfy, in the server's order: schema, counts of scale, lists, rules.

Rules are asked only of objects whose values have the types and sizes the schema says: what they cost was reckoned on that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube.errors import Cause
from master.api.customs import scaling
from master.api.customs.checking import Check, checker
from master.api.customs.listing import uniqueness
from master.api.customs.values import NEW, has_rules
from master.api.validation.problems import ROOT, Path, Problems

Object = dict[str, Any]
Judge = Callable[[Object, Object | None, str], list[Cause]]

BLOCKING = frozenset(
    {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)
UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


def judge(schema: Object, scale: Object | None) -> Judge:
    """(object, the one it replaces, subresource) → causes."""
    whole, status = checker(schema, root=True), _status_checker(schema)
    unique = uniqueness(schema)
    ask = _rules(schema)

    def problems(obj: Object, old: Object | None, subresource: str) -> list[Cause]:
        out = Problems()
        before = NEW if old is None else old
        (status if subresource == "status" else whole)(obj, before, ROOT, out)
        if scale is not None:
            scaling.check(scale, obj, out)
        if unique is not None:
            unique(obj, before, ROOT, out)
        if ask is None:
            return out
        if any(cause.reason in BLOCKING for cause in out):
            out.append(UNCHECKED)
        else:
            ask(obj, before, ROOT, out)
        return out

    return problems


def _rules(schema: Object) -> Callable[[Any, Any, Path, Problems], None] | None:
    if not has_rules(schema):
        return None
    from master.api.customs.rules import rules  # the expression language is loaded where there is an expression

    return rules(schema)


def _status_checker(schema: Object) -> Check:
    """An update of the status is judged by that alone."""
    status = (schema.get("properties") or {}).get("status")
    return checker({"properties": {"status": status}} if status else {}, root=True)
