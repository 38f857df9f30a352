"""Macros: calls that name variables, or do not evaluate their arguments as values do.

Each gets the compiler and the call, and answers what it compiles to; None when it is an ordinary call after all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from master.api.cel import tree
from master.api.cel.compiling import Compiler, Macro
from master.api.cel.errors import BudgetError, CelError
from master.api.cel.parts import Frame, Meter, Part, Run, optional, truth
from master.api.cel.values import BOOL, DYN, INT, NOTHING, Maybe, Type, kind_of, list_of, map_of, maybe_of


def _has(compiler: Compiler, call: tree.Call) -> Part:
    target = call.args[0]
    if not isinstance(target, tree.Select):
        raise compiler.fail(target, "invalid argument to has() macro")
    operand = compiler.compile(target.operand)
    field, _ = compiler.field_of(operand.type, target)
    inner = operand.run

    def run(frame: Frame, meter: Meter) -> bool:
        value = inner(frame, meter)
        meter.spend(1)
        if type(value) is Maybe:
            value = value.value
        return type(value) is dict and field in value

    return Part(run, BOOL, operand.cost + 1)


# Over lists and maps


Step = Callable[[Iterator[None], Frame, Meter], Any]


class _Loop:
    """The range of a comprehension and the variables it sets for each round: the element, or index (key) and element."""

    def __init__(self, compiler: Compiler, call: tree.Call, names: int) -> None:
        assert call.target is not None
        self.source = compiler.compile(call.target)
        self.names = [_variable(compiler, arg) for arg in call.args[:names]]
        types = _round_types(compiler, call, self.source.type, names)
        self.inside = compiler.with_variables(dict(zip(self.names, types, strict=True)))
        self.body = call.args[names:]
        self.times = self.source.type.size

    def rounds(self, frame: Frame, meter: Meter) -> Iterator[None]:
        """Sets the variables and yields, for each element."""
        value = self.source.run(frame, meter)
        if type(value) not in (list, dict):
            raise CelError(f"no such overload: a comprehension over {kind_of(value)}")
        before = {name: frame[name] for name in self.names if name in frame}
        pairs = value.items() if type(value) is dict else enumerate(value)
        first = 0 if len(self.names) == 2 or type(value) is dict else 1
        try:
            for pair in pairs:
                meter.spend(2)
                frame.update(zip(self.names, pair[first:], strict=False))
                yield
        finally:
            for name in self.names:
                frame.pop(name, None)
            frame.update(before)

    def price(self, *parts: Part) -> int:
        return self.source.cost + self.times * (2 + sum(part.cost for part in parts))


def _variable(compiler: Compiler, arg: tree.Node) -> str:
    if not isinstance(arg, tree.Name):
        raise compiler.fail(arg, "argument is not an identifier")
    return arg.name


def _round_types(compiler: Compiler, call: tree.Call, source: Type, names: int) -> tuple[Type, ...]:
    match source.name:
        case "list":
            return (INT, source.params[0])[2 - names :]
        case "map":
            return source.params[:names]
        case "dyn":
            return (DYN, DYN)[:names]
    raise compiler.fail(
        call, f"expression of type '{source}' cannot be range of a comprehension (must be list, map, or dynamic)"
    )


def _quantified(names: int, decisive: bool) -> Macro:
    """all and exists: one round can settle it, even when others fail."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        loop = _Loop(compiler, call, names)
        condition = loop.inside.boolean(loop.body[0])
        holds = condition.run

        def run(frame: Frame, meter: Meter) -> bool:
            failure = None
            for _ in loop.rounds(frame, meter):
                try:
                    if truth(holds(frame, meter)) is decisive:
                        return decisive
                except BudgetError:
                    raise
                except CelError as error:
                    failure = failure or error
            if failure is not None:
                raise failure
            return not decisive

        return Part(run, BOOL, loop.price(condition))

    return compile


def _exists_one(names: int) -> Macro:
    def compile(compiler: Compiler, call: tree.Call) -> Part:
        loop = _Loop(compiler, call, names)
        condition = loop.inside.boolean(loop.body[0])
        holds = condition.run

        def run(frame: Frame, meter: Meter) -> bool:
            return sum(truth(holds(frame, meter)) for _ in loop.rounds(frame, meter)) == 1

        return Part(run, BOOL, loop.price(condition))

    return compile


def _filter(compiler: Compiler, call: tree.Call) -> Part:
    loop = _Loop(compiler, call, 1)
    condition = loop.inside.boolean(loop.body[0])
    holds, name = condition.run, loop.names[0]

    def run(frame: Frame, meter: Meter) -> list[Any]:
        return [frame[name] for _ in loop.rounds(frame, meter) if truth(holds(frame, meter))]

    element = loop.source.type.params[0] if loop.source.type.params else DYN
    return Part(run, list_of(element, loop.times), loop.price(condition))


def _listed(names: int, filtered: bool) -> Macro:
    """map and transformList, with or without a condition."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        loop = _Loop(compiler, call, names)
        holds, made = _body(loop, filtered)
        run_made = made.run

        def run(frame: Frame, meter: Meter) -> list[Any]:
            return [run_made(frame, meter) for _ in loop.rounds(frame, meter) if holds(frame, meter)]

        return Part(run, list_of(made.type, loop.times), loop.price(made))

    return compile


def _mapped(filtered: bool) -> Macro:
    """transformMap."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        loop = _Loop(compiler, call, 2)
        holds, made = _body(loop, filtered)
        run_made, key = made.run, loop.names[0]

        def run(frame: Frame, meter: Meter) -> dict[Any, Any]:
            rounds = (frame[key] for _ in loop.rounds(frame, meter) if holds(frame, meter))
            return {name: run_made(frame, meter) for name in rounds}

        return Part(run, map_of(loop.inside.variables[key], made.type, loop.times), loop.price(made))

    return compile


def _entries(filtered: bool) -> Macro:
    """transformMapEntry: each round makes a map of one entry."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        loop = _Loop(compiler, call, 2)
        holds, made = _body(loop, filtered)
        run_made = made.run

        def run(frame: Frame, meter: Meter) -> dict[Any, Any]:
            found: dict[Any, Any] = {}
            for _ in loop.rounds(frame, meter):
                if not holds(frame, meter):
                    continue
                for key, value in run_made(frame, meter).items():
                    if key in found:
                        raise CelError(f"insert failed: key '{key}' already exists")
                    found[key] = value
            return found

        if made.type.name not in ("map", "dyn"):
            raise compiler.fail(loop.body[-1], f"expected a map but found '{made.type}'")
        key, value = made.type.params or (DYN, DYN)
        return Part(run, map_of(key, value, loop.times), loop.price(made))

    return compile


def _sort_by(compiler: Compiler, call: tree.Call) -> Part:
    loop = _Loop(compiler, call, 1)
    made, name = loop.inside.compile(loop.body[0]), loop.names[0]
    run_made = made.run

    def run(frame: Frame, meter: Meter) -> list[Any]:
        pairs = [(run_made(frame, meter), frame[name]) for _ in loop.rounds(frame, meter)]
        try:
            return [item for _, item in sorted(pairs, key=lambda pair: pair[0])]
        except TypeError as error:
            raise CelError("list elements must be comparable") from error

    element = loop.source.type.params[0] if loop.source.type.params else DYN
    return Part(run, list_of(element, loop.times), loop.price(made))


def _body(loop: _Loop, filtered: bool) -> tuple[Run, Part]:
    made = loop.inside.compile(loop.body[-1])
    if not filtered:
        return (lambda _frame, _meter: True), made
    condition = loop.inside.boolean(loop.body[0])
    inner = condition.run
    return (lambda frame, meter: truth(inner(frame, meter))), Part(made.run, made.type, made.cost + condition.cost)


# Bindings and optionals


def _bind(compiler: Compiler, call: tree.Call) -> Part | None:
    """`cel.bind(name, value, expression)`."""
    if not isinstance(call.target, tree.Name) or call.target.name != "cel":
        return None
    name, value = _variable(compiler, call.args[0]), compiler.compile(call.args[1])
    inside = compiler.with_variables({name: value.type}).compile(call.args[2])
    return Part(_with(name, value.run, inside.run), inside.type, 1 + value.cost + inside.cost)


def _with(name: str, value: Run, inside: Run) -> Run:
    def run(frame: Frame, meter: Meter) -> Any:
        return inside({**frame, name: value(frame, meter)}, meter)

    return run


def _opt_map(flat: bool) -> Macro:
    """`optional.optMap(name, expression)`; the flat one's expression is an optional itself."""

    def compile(compiler: Compiler, call: tree.Call) -> Part:
        assert call.target is not None
        source, name = compiler.compile(call.target), _variable(compiler, call.args[0])
        element = source.type.params[0] if source.type.params else DYN
        inside = compiler.with_variables({name: element}).compile(call.args[1])
        given, made = source.run, inside.run

        def run(frame: Frame, meter: Meter) -> Any:
            value = optional(given(frame, meter))
            if not value.present:
                return NOTHING
            found = made({**frame, name: value.value}, meter)
            return found if flat else Maybe(found, True)

        return Part(run, inside.type if flat else maybe_of(inside.type), source.cost + inside.cost + 1)

    return compile


MACROS: dict[tuple[str, bool, int], Macro] = {
    ("has", False, 1): _has,
    ("all", True, 2): _quantified(1, False),
    ("all", True, 3): _quantified(2, False),
    ("exists", True, 2): _quantified(1, True),
    ("exists", True, 3): _quantified(2, True),
    ("exists_one", True, 2): _exists_one(1),
    ("existsOne", True, 2): _exists_one(1),
    ("existsOne", True, 3): _exists_one(2),
    ("filter", True, 2): _filter,
    ("map", True, 2): _listed(1, False),
    ("map", True, 3): _listed(1, True),
    ("transformList", True, 3): _listed(2, False),
    ("transformList", True, 4): _listed(2, True),
    ("transformMap", True, 3): _mapped(False),
    ("transformMap", True, 4): _mapped(True),
    ("transformMapEntry", True, 3): _entries(False),
    ("transformMapEntry", True, 4): _entries(True),
    ("sortBy", True, 2): _sort_by,
    ("bind", True, 3): _bind,
    ("optMap", True, 2): _opt_map(False),
    ("optFlatMap", True, 2): _opt_map(True),
}
