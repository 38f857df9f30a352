"""A compiled piece of an expression: how it runs, the type of its value, and the most it can cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from master.api.cel.errors import BudgetError, CelError
from master.api.cel.values import DYN, Maybe, Type, kind_of

Frame = dict[str, Any]
"""Variables by name."""


class Meter:
    """What an evaluation may still spend."""

    __slots__ = ("left",)

    def __init__(self, budget: int) -> None:
        self.left = budget

    def spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise BudgetError("operation cancelled: actual cost limit exceeded")


Run = Callable[[Frame, Meter], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled node; `cost` is the most it can cost."""

    run: Run
    type: Type
    cost: int = 0


def truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise CelError(f"no such overload: a condition of type {kind_of(value)}")


def optional(value: Any) -> Maybe:
    if type(value) is Maybe:
        return value
    raise CelError(f"no such overload: an optional of type {kind_of(value)}")


def common(types: list[Type]) -> Type:
    """The one type of them all, or dyn."""
    if not types or any(one != types[0] for one in types):
        return DYN
    return replace(types[0], size=max(one.size for one in types))


def applied_to(types: list[Type], method: bool) -> str:
    listed = ", ".join(map(str, types[1:] if method else types))
    return f"{types[0]}.({listed})" if method else f"({listed})"
