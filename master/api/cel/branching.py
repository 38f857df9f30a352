"""Operators that need not evaluate all they are given: `&&`, `||` and `? :`."""

from __future__ import annotations

from typing import Any

from master.api.cel import tree
from master.api.cel.compiling import Compiler, Macro
from master.api.cel.errors import BudgetError, CelError
from master.api.cel.parts import Frame, Meter, Part, applied_to, common, truth
from master.api.cel.values import BOOL


def _logic(decisive: bool) -> Macro:
    """`decisive` on either side settles it, even when the other side fails."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        parts = [compiler.compile(arg) for arg in call.args]
        if any(part.type.name not in ("bool", "dyn") for part in parts):
            said = applied_to([part.type for part in parts], False)
            raise compiler.fail(call, f"found no matching overload for '{call.name}' applied to '{said}'")
        left, right = (part.run for part in parts)

        def run(frame: Frame, meter: Meter) -> bool:
            failure = None
            try:
                if truth(left(frame, meter)) is decisive:
                    return decisive
            except BudgetError:
                raise
            except CelError as error:
                failure = error
            if truth(right(frame, meter)) is decisive:
                return decisive
            if failure is not None:
                raise failure
            return not decisive

        return Part(run, BOOL, sum(part.cost for part in parts))

    return compile


def _conditional(compiler: Compiler, call: tree.Call) -> Part:
    condition, yes, no = compiler.boolean(call.args[0]), *map(compiler.compile, call.args[1:])
    asked, one, other = condition.run, yes.run, no.run

    def run(frame: Frame, meter: Meter) -> Any:
        return one(frame, meter) if truth(asked(frame, meter)) else other(frame, meter)

    return Part(run, common([yes.type, no.type]), condition.cost + max(yes.cost, no.cost))


BRANCHING: dict[tuple[str, bool, int], Macro] = {
    ("_&&_", False, 2): _logic(False),
    ("_||_", False, 2): _logic(True),
    ("_?_:_", False, 3): _conditional,
}
