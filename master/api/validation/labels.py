"""Labels, annotations and the selectors over labels."""

from __future__ import annotations

from typing import Any

from kube import names
from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object, Rule

ANNOTATIONS_LIMIT = 256 * 1024
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
NEED_VALUES = "must be specified when `operator` is 'In' or 'NotIn'"
NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"


def labels(name: str) -> Rule:
    """The rule for a map of labels in the field `name`."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        found = obj.get(name)
        if found:
            check_labels(found, at / name, out)

    return rule


def check_labels(found: dict[str, str], at: Path, out: Problems) -> None:
    for key, value in found.items():
        for detail in names.qualified_name(key):
            out.invalid(at, key, detail)
        for detail in names.label_value(value or ""):
            out.invalid(at, value, detail)


def check_annotations(found: dict[str, str], at: Path, out: Problems) -> None:
    size = 0
    for key, value in found.items():
        for detail in names.qualified_name(key.lower()):
            out.invalid(at, key, detail)
        size += len(key) + len((value or "").encode())
    if size > ANNOTATIONS_LIMIT:
        out.too_long(at, ANNOTATIONS_LIMIT)


def selector(name: str) -> Rule:
    """The rule for a LabelSelector in the field `name`."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        found = obj.get(name)
        if found:
            check_selector(found, at / name, out)

    return rule


def check_selector(found: Object, at: Path, out: Problems) -> None:
    check_labels(found.get("matchLabels") or {}, at / "matchLabels", out)
    for index, requirement in enumerate(found.get("matchExpressions") or ()):
        _requirement(requirement, at / "matchExpressions" / index, out)


def _requirement(requirement: Object, at: Path, out: Problems) -> None:
    operator, values = requirement.get("operator") or "", requirement.get("values")
    if operator in {"In", "NotIn"} and not values:
        out.required(at / "values", NEED_VALUES)
    elif operator in {"Exists", "DoesNotExist"} and values:
        out.forbidden(at / "values", NO_VALUES)
    elif operator not in OPERATORS:
        out.invalid(at / "operator", operator, "not a valid selector operator")
    for detail in names.qualified_name(requirement.get("key") or ""):
        out.invalid(at / "key", requirement.get("key") or "", detail)
    for index, value in enumerate(values or ()):
        for detail in names.label_value(value):
            out.invalid(at / "values" / index, value, detail)


def well_formed(found: Object) -> bool:
    problems = Problems()
    check_selector(found, Path(), problems)
    return not problems


def is_empty(found: Object | None) -> bool:
    return not found or not (found.get("matchLabels") or found.get("matchExpressions"))


def matches(found: Object, having: dict[str, Any]) -> bool:
    """Whether a well-formed LabelSelector selects an object with these labels."""
    if any(having.get(key) != value for key, value in (found.get("matchLabels") or {}).items()):
        return False
    return all(_fits(requirement, having) for requirement in found.get("matchExpressions") or ())


def _fits(requirement: Object, having: dict[str, Any]) -> bool:
    key, values = requirement["key"], requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return having.get(key) in values
        case "NotIn":
            return having.get(key) not in values
        case "Exists":
            return key in having
        case _:
            return key not in having
