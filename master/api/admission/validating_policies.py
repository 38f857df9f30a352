"""ValidatingAdmissionPolicy: what a write has to satisfy; a binding says whether a breach denies, warns or is noted."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from kube.errors import ApiError, Cause
from master.api.admission.expressions import ExpressionError
from master.api.admission.plugin import Plugin, refusal
from master.api.admission.policies import Case, Cases
from master.api.contract import Attributes, Object

CODES = {"Forbidden": 403, "Unauthorized": 401, "Invalid": 422, "RequestEntityTooLarge": 413}
NOTED = "validation.policy.admission.k8s.io/validation_failure"


class ValidatingPolicies(Plugin):
    name = "ValidatingAdmissionPolicy"

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    async def validate(self, attributes: Attributes) -> None:
        denied: ApiError | None = None
        noted: list[Object] = []
        async for case in self._cases.wanted(attributes):
            actions = case.binding["spec"].get("validationActions") or []
            for number, said, reason in breaches(case):
                if "Warn" in actions:
                    attributes.warn(f"Validation failed for {case.called}: {said}")
                if "Audit" in actions:
                    noted.append(_note(case, number, said, actions))
                if "Deny" in actions and denied is None:
                    denied = denial(attributes, case, said, reason)
            annotate(case, attributes)
        if noted:
            attributes.annotate(NOTED, orjson.dumps(noted).decode())
        if denied is not None:
            raise denied


def breaches(case: Case) -> Iterator[tuple[int, str, str]]:
    """(which expression, what to say, the reason) of every expression that does not hold."""
    for number, rule in enumerate(case.policy["spec"].get("validations") or ()):
        text = rule["expression"]
        try:
            if case.scene.run(text) is not True:
                yield number, _message(case, rule), rule.get("reason") or "Invalid"
        except ExpressionError as error:
            if case.fails:
                yield number, f"expression '{text}' resulted in error: {error}", "Invalid"


def _message(case: Case, rule: Object) -> str:
    """The message expression's words where it has any, else the message, else the expression itself."""
    fallback = str(rule.get("message") or f"failed expression: {rule['expression'].strip()}")
    if not rule.get("messageExpression"):
        return fallback
    try:
        said = case.scene.run(rule["messageExpression"])
    except ExpressionError:
        return fallback
    usable = isinstance(said, str) and said.strip() and "\n" not in said
    return said.strip() if usable else fallback


def denial(attributes: Attributes, case: Case, said: str, reason: str) -> ApiError:
    """`configmaps "x" is forbidden: ...` whatever the reason; the code is the reason's."""
    whole = f"{case.called} denied request: {said}"
    error = refusal(attributes, whole)
    error.status, error.reason = CODES.get(reason, 422), reason
    error.causes.append(Cause("", whole))
    return error


def _note(case: Case, number: int, said: str, actions: list[str]) -> Object:
    return {
        "message": said,
        "policy": case.name,
        "binding": case.binding["metadata"]["name"],
        "expressionIndex": number,
        "validationActions": actions,
    }


def annotate(case: Case, attributes: Attributes) -> None:
    """The policy's own words for the audit log."""
    for each in case.policy["spec"].get("auditAnnotations") or ():
        try:
            value = case.scene.run(each["valueExpression"])
        except ExpressionError as error:
            if case.fails:
                said = f"{case.called} denied request: audit annotation {each['key']}: {error}"
                raise refusal(attributes, said) from error
            continue
        if isinstance(value, str):
            attributes.annotate(f"{case.name}/{each['key']}", value)
