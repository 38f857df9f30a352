"""The Common Expression Language, with what Kubernetes adds to it, checked by types and bounded by what it costs.

    program = compile("self.oars % 2 == 0", {"self": Type(...)})      # CompileError
    program.run({"self": obj}, budget)                                # CelError, BudgetError; answers (value, cost)

Belongs here: the language.  Does not: what variables mean (custom resources' rules, admission policies, webhooks' match
conditions).  Nothing of it is loaded before the first expression: import it where one is compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from master.api.cel.branching import BRANCHING
from master.api.cel.compiling import Compiler, Words
from master.api.cel.errors import BudgetError, CelError, CompileError
from master.api.cel.functions.collections import LISTS, OPTIONALS, SETS
from master.api.cel.functions.formats import FORMATS
from master.api.cel.functions.kubernetes import ADDRESSES, QUANTITIES, URLS
from master.api.cel.functions.operators import OPERATORS
from master.api.cel.functions.texts import TEXTS
from master.api.cel.functions.times import TIMES
from master.api.cel.macros import MACROS
from master.api.cel.overloads import Overload, table
from master.api.cel.parsing import parse
from master.api.cel.parts import Meter, Part
from master.api.cel.values import Type

__all__ = ["BudgetError", "CelError", "CompileError", "Program", "Type", "compile"]

LIBRARIES = (OPERATORS, TEXTS, TIMES, LISTS, SETS, OPTIONALS, QUANTITIES, ADDRESSES, URLS, FORMATS)
SPECIAL = {**BRANCHING, **MACROS}
WORDS = Words(table(*LIBRARIES), SPECIAL)
TOO_DEEP = "expression recursion limit exceeded"
CALL_BUDGET = 1_000_000
"""What one run may cost, in the reference's units: about 0.1 s of its time."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression: `type` is that of its value, `cost` the most a run can cost."""

    text: str
    part: Part

    @property
    def type(self) -> Type:
        return self.part.type

    @property
    def cost(self) -> int:
        return self.part.cost

    def run(self, values: Mapping[str, Any], budget: int = CALL_BUDGET) -> tuple[Any, int]:
        """The value and what it cost."""
        meter = Meter(budget)
        try:
            value = self.part.run(dict(values), meter)
        except RecursionError as error:
            raise CelError(TOO_DEEP) from error
        return value, budget - meter.left


def compile(
    text: str,
    variables: Mapping[str, Type],
    functions: tuple[Overload, ...] = (),
    makes: bool = False,
) -> Program:
    """`functions` are further ones (an authorizer's); `makes`: objects of named types may be made (mutations)."""
    words = WORDS if not functions else Words(table(*LIBRARIES, functions), SPECIAL)
    try:
        return Program(text, Compiler(text, variables, words, makes).compile(parse(text)))
    except RecursionError as error:
        raise CompileError(text, 0, TOO_DEEP) from error
