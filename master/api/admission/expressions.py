"""Expressions over a write: compiled once a text, given what policies and match conditions may speak of.

`object`, `oldObject`, `request`, `namespaceObject`, `params`, `variables`, `authorizer` and its `authorizer.requestResource`.
The language is loaded with the first expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from master.api.admission.reviews import request_of, versioned
from master.api.contract import Attributes, Authorizer, Object, Reader
from master.api.rows import NAMESPACE

if TYPE_CHECKING:
    from master.api.cel import Program

NAMES = ("object", "oldObject", "request", "authorizer", "namespaceObject", "params", "variables")
CALL_BUDGET = 10_000_000
"""What all expressions of one policy may cost over one write, in the reference's units."""


class ExpressionError(Exception):
    """An expression that cannot be compiled or has failed; its text says why."""


@lru_cache(maxsize=2048)
def compiled(text: str, makes: bool = False) -> Program:
    """ExpressionError with the place and the reason; `makes`: objects may be made, for mutations."""
    from master.api.admission.authorizing import AUTHORIZER, FUNCTIONS
    from master.api.cel import CompileError, compile
    from master.api.cel.values import DYN

    variables = dict.fromkeys(NAMES, DYN) | {"authorizer": AUTHORIZER}
    try:
        return compile(text, variables, FUNCTIONS, makes)
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from error


class Scene:
    """One write as expressions see it; `budget` falls with every run, `failed` says why variables have no value."""

    def __init__(
        self, attributes: Attributes, authorizer: Authorizer, reader: Reader | None = None, params: Object | None = None
    ) -> None:
        from master.api.admission.authorizing import Asking

        self.budget = CALL_BUDGET
        self.failed: dict[str, str] = {}
        namespace = reader.get(NAMESPACE, "", attributes.namespace) if reader and attributes.namespace else None
        self.values: dict[str, Any] = {
            "object": versioned(attributes, attributes.object),
            "oldObject": versioned(attributes, attributes.old),
            "request": request_of(attributes),
            "authorizer": Asking(authorizer, attributes.user, attributes),
            "namespaceObject": namespace,
            "params": params,
            "variables": {},
        }

    def run(self, text: str, makes: bool = False, **extra: Any) -> Any:
        """The expression's value; ExpressionError when there is none."""
        from master.api.cel import CelError

        program = compiled(text, makes)
        values: Mapping[str, Any] = {**self.values, **extra} if extra else self.values
        try:
            value, cost = program.run(values, self.budget)
        except CelError as error:
            missing = str(error).removeprefix("no such key: ")
            raise ExpressionError(self.failed.get(missing) or str(error)) from error
        self.budget -= cost
        return value


def hold(conditions: list[Object], scene: Scene) -> bool:
    """Whether all match conditions hold: one that is false decides, whatever the others fail with."""
    failed: ExpressionError | None = None
    for condition in conditions:
        try:
            if scene.run(condition["expression"]) is not True:
                return False
        except ExpressionError as error:
            failed = failed or ExpressionError(f"expression '{condition['expression']}' resulted in error: {error}")
    if failed is not None:
        raise failed
    return True
