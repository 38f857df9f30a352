"""Which of a definition's names are accepted, and whether it is established: pure.

A name that another definition of the group was accepted under is refused, and the others are accepted meanwhile; once all
were accepted the definition is established for good.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from master.api.customs.definitions import ESTABLISHED, NAMES_ACCEPTED, condition, holds

Object = dict[str, Any]

APPROVAL = "api-approved.kubernetes.io"
APPROVED = "KubernetesAPIApprovalPolicyConformant"
PROTECTED = (".k8s.io", ".kubernetes.io")


def named_status(definition: Object, others: Iterable[Object], now: str) -> Object:
    """The status with its names and conditions as they should be; equal to the present one when nothing changed."""
    group = definition["spec"]["group"]
    taken = [found for other in others if other["spec"]["group"] == group and (found := _accepted(other))]
    names, refusal = _accept(definition["spec"]["names"], _accepted(definition), taken)
    established = holds(definition, ESTABLISHED) or refusal is None
    wanted = [
        _condition(NAMES_ACCEPTED, *(refusal or ("True", "NoConflicts", "no conflicts found"))),
        _condition(ESTABLISHED, "True", "InitialNamesAccepted", "the initial names have been accepted")
        if established
        else _condition(ESTABLISHED, "False", "NotAccepted", "not all names are accepted"),
        *_approval(definition),
    ]
    status = definition.get("status") or {}
    conditions = list(status.get("conditions") or ())
    for one in wanted:
        conditions = with_condition(conditions, one, now)
    return {**status, "conditions": conditions, "acceptedNames": names}


def _accepted(definition: Object) -> Object:
    return (definition.get("status") or {}).get("acceptedNames") or {}


def _accept(wanted: Object, present: Object, taken: list[Object]) -> tuple[Object, tuple[str, str, str] | None]:
    """The names accepted now, and the last refusal, which is the one that is told."""
    resources = {
        name for one in taken for name in (one.get("plural"), one.get("singular"), *(one.get("shortNames") or ()))
    }
    kinds = {name for one in taken for name in (one.get("kind"), one.get("listKind"))}
    names: Object = {"plural": present.get("plural", ""), "kind": present.get("kind", "")} | present
    refusal = None
    for field, used, reason in (
        ("plural", resources, "PluralConflict"),
        ("singular", resources, "SingularConflict"),
        ("shortNames", resources, "ShortNamesConflict"),
        ("kind", kinds, "KindConflict"),
        ("listKind", kinds, "ListKindConflict"),
    ):
        found = wanted.get(field) or []
        taken_names = [name for name in (found if isinstance(found, list) else [found]) if name in used]
        if taken_names:
            refusal = ("False", reason, ", ".join(f'"{name}" is already in use' for name in taken_names))
        else:
            _take(names, wanted, field)
    _take(names, wanted, "categories")
    return names, refusal


def _take(names: Object, wanted: Object, field: str) -> None:
    if wanted.get(field):
        names[field] = wanted[field]
    elif field not in ("plural", "kind"):
        names.pop(field, None)


def _approval(definition: Object) -> list[Object]:
    """Of a definition in one of Kubernetes' own groups: whether the API was approved by its community."""
    if not f".{definition['spec']['group']}".endswith(PROTECTED):
        return []
    said = (definition["metadata"].get("annotations") or {}).get(APPROVAL) or ""
    if said.startswith("https://"):
        return [_condition(APPROVED, "True", "ApprovedAnnotation", f"approved in {said}")]
    return [_condition(APPROVED, "False", "UnapprovedAnnotation", f'not approved: "{said}"')]


def _condition(type: str, status: str, reason: str, message: str) -> Object:
    return {"type": type, "status": status, "reason": reason, "message": message}


def with_condition(conditions: list[Object], wanted: Object, now: str) -> list[Object]:
    """The conditions with this one; its time is kept while its status is the same."""
    before = condition({"status": {"conditions": conditions}}, wanted["type"])
    since = before["lastTransitionTime"] if before and before["status"] == wanted["status"] else now
    one = {
        "type": wanted["type"],
        "status": wanted["status"],
        "lastTransitionTime": since,
        "reason": wanted["reason"],
        "message": wanted["message"],
    }
    if before is None:
        return [*conditions, one]
    return [one if each is before else each for each in conditions]
