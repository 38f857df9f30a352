"""Why an expression cannot be compiled or run."""

from __future__ import annotations

from collections.abc import Iterable

Problem = tuple[int, str]
"""(where in the text, what is wrong)"""


class CelError(Exception):
    """An expression that failed: a value of the wrong type, a missing key, an overflow, ..."""


class BudgetError(CelError):
    """It cost more than it may; no operator absorbs this."""


class CompileError(CelError):
    """The expression is no expression, or speaks of what is not there.

    Its text is the reference's: of each problem where it is, what is wrong, and the line with a mark below.
    """

    def __init__(self, text: str, at: int, said: str, others: Iterable[Problem] = ()) -> None:
        super().__init__("\n".join(_shown(text, *problem) for problem in sorted([(at, said), *others])))


def _shown(text: str, at: int, said: str) -> str:
    before = text[:at]
    line, column = before.count("\n"), at - (before.rfind("\n") + 1)
    shown = text.split("\n")[line] if text else ""
    return f"ERROR: <input>:{line + 1}:{column + 1}: {said}\n | {shown}\n | {'.' * column}^"
