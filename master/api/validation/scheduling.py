"""Where a pod may run: affinity, tolerations, topology spread, gates; and the taints of nodes."""

from __future__ import annotations

from kube import names
from master.api.validation.labels import check_labels, selector
from master.api.validation.problems import Path, Problems
from master.api.validation.rules import (
    Object,
    Rule,
    always,
    check,
    each,
    each_value,
    inner,
    one_of,
    optional,
    pointer,
    pointer_of,
    present,
    required,
)

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
NEED_VALUES = "must be specified when `operator` is 'In' or 'NotIn'"
NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
ONE_VALUE = "must be specified single value when `operator` is 'Lt' or 'Gt'"
MATCH_ALL = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'


def _weight(value: int) -> tuple[str, ...]:
    return () if 1 <= value <= 100 else ("must be in the range 1-100",)


def _positive(value: int) -> tuple[str, ...]:
    return () if value > 0 else ("must be greater than zero",)


# Node affinity


def node_requirement(requirement: Object, at: Path, out: Problems) -> None:
    operator, values = requirement.get("operator") or "", requirement.get("values") or ()
    match operator:
        case "In" | "NotIn" if not values:
            out.required(at / "values", NEED_VALUES)
        case "Exists" | "DoesNotExist" if values:
            out.forbidden(at / "values", NO_VALUES)
        case "Gt" | "Lt" if len(values) != 1:
            out.required(at / "values", ONE_VALUE)
        case "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt":
            pass
        case _:
            out.invalid(at / "operator", operator, "not a valid selector operator")
    for detail in names.qualified_name(requirement.get("key") or ""):
        out.invalid(at / "key", requirement.get("key") or "", detail)
    for index, value in enumerate(values):
        for detail in names.label_value(value):
            out.invalid(at / "values" / index, value, detail)


def node_field(requirement: Object, at: Path, out: Problems) -> None:
    values = requirement.get("values") or ()
    if requirement.get("operator") not in {"In", "NotIn"}:
        out.invalid(at / "operator", requirement.get("operator") or "", "not a valid selector operator")
    elif len(values) != 1:
        out.required(at / "values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
    if requirement.get("key") != "metadata.name":
        out.invalid(at / "key", requirement.get("key") or "", "not a valid field selector key")
    for index, value in enumerate(values):
        for detail in names.dns1123_subdomain(value):
            out.invalid(at / "values" / index, value, detail)


NODE_TERM = (each("matchExpressions", node_requirement), each("matchFields", node_field))
NODE_SELECTOR = (
    required("nodeSelectorTerms", detail="must have at least one node selector term"),
    each("nodeSelectorTerms", *NODE_TERM),
)
NODE_AFFINITY = (
    present(REQUIRED, *NODE_SELECTOR),
    each(PREFERRED, always("weight", 0, _weight), inner("preference", *NODE_TERM)),
)


# Pod affinity

POD_TERM = (
    selector("labelSelector"),
    selector("namespaceSelector"),
    each_value("namespaces", names.dns1123_label),
    required("topologyKey", detail="can not be empty"),
    always("topologyKey", "", names.qualified_name),
)
POD_AFFINITY = (
    each(REQUIRED, *POD_TERM),
    each(PREFERRED, always("weight", 0, _weight), inner("podAffinityTerm", *POD_TERM)),
)
AFFINITY = (
    present("nodeAffinity", *NODE_AFFINITY),
    present("podAffinity", *POD_AFFINITY),
    present("podAntiAffinity", *POD_AFFINITY),
)


# Taints and tolerations


def toleration(obj: Object, at: Path, out: Problems) -> None:
    key, operator, effect = obj.get("key"), obj.get("operator") or "", obj.get("effect") or ""
    if key:
        for detail in names.qualified_name(key):
            out.invalid(at / "key", key, detail)
    elif operator != "Exists":
        out.invalid(at / "operator", operator, MATCH_ALL)
    if obj.get("tolerationSeconds") is not None and effect != "NoExecute":
        out.invalid(at / "effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    _toleration_value(obj, operator, at, out)
    if effect and effect not in EFFECTS:
        out.unsupported(at / "effect", effect, EFFECTS)


def _toleration_value(obj: Object, operator: str, at: Path, out: Problems) -> None:
    value = obj.get("value") or ""
    if operator in {"", "Equal"}:
        for detail in names.label_value(value):
            out.invalid(at / "operator", value, detail)
    elif operator == "Exists":
        if value:
            out.invalid(at / "operator", obj, "value must be empty when `operator` is 'Exists'")
    else:
        out.unsupported(at / "operator", operator, ("Equal", "Exists"))


TAINT = (
    always("key", "", names.qualified_name),
    optional("value", names.label_value),
    one_of("effect", EFFECTS, missing="required"),
)


def taints(name: str) -> Rule:
    """Each taint, and no key with one effect twice."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        seen = set()
        for index, taint in enumerate(obj.get(name) or ()):
            here = at / name / index
            check(TAINT, taint, here, out)
            pair = (taint.get("key"), taint.get("effect"))
            if pair in seen:
                out.duplicate(here, taint)
            seen.add(pair)

    return rule


# Topology spread

SPREAD = (
    always("maxSkew", 0, _positive),
    required("topologyKey", detail="can not be empty"),
    one_of("whenUnsatisfiable", ("DoNotSchedule", "ScheduleAnyway"), missing="unsupported"),
    pointer("minDomains", _positive),
    pointer_of("nodeAffinityPolicy", ("Honor", "Ignore")),
    pointer_of("nodeTaintsPolicy", ("Honor", "Ignore")),
    each_value("matchLabelKeys", names.qualified_name),
    selector("labelSelector"),
)


def spread_constraints(obj: Object, at: Path, out: Problems) -> None:
    constraints = obj.get("topologySpreadConstraints")
    if not constraints:
        return
    here = at / "topologySpreadConstraints"
    for index, constraint in enumerate(constraints):
        check(SPREAD, constraint, here / index, out)
        pair = _spread_pair(constraint)
        if any(_spread_pair(other) == pair for other in constraints[index + 1 :]):
            out.duplicate(here / index / "{topologyKey, whenUnsatisfiable}", f"{{{pair[0]}, {pair[1]}}}")


def _spread_pair(constraint: Object) -> tuple[str, str]:
    return constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""


def node_selector(obj: Object, at: Path, out: Problems) -> None:
    if found := obj.get("nodeSelector"):
        check_labels(found, at / "nodeSelector", out)
