"""From a tree to a program: each node is checked, priced and turned into a closure, once.

A closure gets the frame (variables by name) and the meter it pays from.  A price is the most a node can cost, from the
sizes that types promise; what it does cost is paid while it runs, by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kube.errors import words_of
from master.api.cel import tree
from master.api.cel.errors import CelError, CompileError
from master.api.cel.overloads import Overload, Table, filled, fits
from master.api.cel.parts import Frame, Meter, Part, Run, applied_to, common, optional
from master.api.cel.tree import Node
from master.api.cel.values import DYN, LARGEST, NOTHING, Maybe, Type, kind_of, list_of, map_of, maybe_of, size_of


@dataclass(frozen=True, slots=True)
class Words:
    """What an expression can call."""

    functions: Table
    macros: Mapping[tuple[str, bool, int], Callable[[Compiler, tree.Call], Part | None]]


FAILURES = (ValueError, TypeError, KeyError, IndexError, OverflowError, ZeroDivisionError, ArithmeticError)
GROWING = frozenset({"format", "join", "replace"})
"""What they answer can be larger than any argument."""
LIST_COST, MAP_COST, OBJECT_COST = 10, 30, 40


class Compiler:
    def __init__(self, text: str, variables: Mapping[str, Type], words: Words, makes: bool = False) -> None:
        """`makes`: objects of named types may be made."""
        self.text = text
        self.variables = dict(variables)
        self.functions = words.functions
        self._words = words
        self._makes = makes

    def compile(self, node: Node) -> Part:
        return _COMPILE[type(node)](self, node)

    def fail(self, node: Node, said: str) -> CompileError:
        return CompileError(self.text, node.at, said)

    def with_variables(self, variables: Mapping[str, Type]) -> Compiler:
        """For what is inside a macro that names variables of its own."""
        return Compiler(self.text, {**self.variables, **variables}, self._words, self._makes)

    # Names and fields

    def _literal(self, node: tree.Literal) -> Part:
        value = node.value
        return Part(lambda _frame, _meter: value, Type(kind_of(value), size=size_of(value)))

    def _name(self, node: tree.Name) -> Part:
        name = node.name
        if name in self.variables:

            def run(frame: Frame, meter: Meter) -> Any:
                meter.spend(1)
                try:
                    return frame[name]
                except KeyError:
                    raise CelError(f"no such attribute(s): {name}") from None

            return Part(run, self.variables[name], 1)
        if name in TYPE_NAMES:
            named = Type(TYPE_NAMES[name])
            return Part(lambda _frame, _meter: named, Type("type"))
        raise self.fail(node, f"undeclared reference to '{name}' (in container '')")

    def _select(self, node: tree.Select) -> Part:
        operand = self.compile(node.operand)
        field, found = self.field_of(operand.type, node)
        inner = operand.run
        maybe = node.maybe or operand.type.name == "optional_type"

        def run(frame: Frame, meter: Meter) -> Any:
            value = inner(frame, meter)
            meter.spend(1)
            return _field(value, field)

        def run_maybe(frame: Frame, meter: Meter) -> Any:
            value = inner(frame, meter)
            meter.spend(1)
            if type(value) is Maybe:
                value = value.value
            return Maybe(value[field], True) if type(value) is dict and field in value else NOTHING

        if maybe:
            return Part(run_maybe, maybe_of(found), operand.cost + 1)
        return Part(run, found, operand.cost + 1)

    def field_of(self, type: Type, node: tree.Select) -> tuple[str, Type]:
        """The field's real name and its type."""
        if type.name == "optional_type":
            type = type.params[0]
        if type.fields is not None:
            if node.field not in type.fields:
                raise self.fail(node, f"undefined field '{node.field}'")
            return type.fields[node.field]
        if type.name == "map":
            return node.field, type.params[1]
        if type.name == "dyn":
            return node.field, DYN
        raise self.fail(node, f"type '{type}' does not support field selection")

    # Calls

    def _call(self, node: tree.Call) -> Part:
        macro = self._words.macros.get((node.name, node.target is not None, len(node.args)))
        if macro is not None and (found := macro(self, node)) is not None:
            return found
        name, args = node.name, list(node.args)
        method = node.target is not None
        if node.target is not None:
            qualified = self._namespaced(node)
            if qualified:
                name, method = qualified, False
            else:
                args.insert(0, node.target)
        return self._applied(node, name, method, [self.compile(arg) for arg in args])

    def _namespaced(self, node: tree.Call) -> str:
        """`sets.contains`, where `sets` is no variable; empty for a method."""
        target = node.target
        if not isinstance(target, tree.Name) or target.name in self.variables:
            return ""
        name = f"{target.name}.{node.name}"
        return name if any(key[0] == name for key in self.functions) else ""

    def _applied(self, node: tree.Call, name: str, method: bool, args: list[Part]) -> Part:
        candidates = self.functions.get((name, method, len(args)))
        if candidates is None:
            if not any(key[0] == name for key in self.functions):
                raise self.fail(node, f"undeclared reference to '{name}' (in container '')")
            candidates = []
        types = [arg.type for arg in args]
        matching = [(one, bound) for one in candidates if (bound := _bound(types, one)) is not None]
        if not matching:
            raise self.fail(node, f"found no matching overload for '{name}' applied to '{applied_to(types, method)}'")
        result = common([filled(one.result, bound) for one, bound in matching])
        sizes = [type.size if type.name not in UNSIZED else 1 for type in types]
        price = 1 + max(one.cost(*sizes) if one.cost else 0 for one, _ in matching)
        size = min(LARGEST, sum(sizes)) if name == "_+_" else max(sizes, default=LARGEST)
        size = LARGEST if name in GROWING else size
        run = _caller(name, [one for one, _ in matching], [arg.run for arg in args], any(map(_unsure, types)))
        return Part(run, replace(result, size=size), sum(arg.cost for arg in args) + price)

    # Making values

    def _listing(self, node: tree.Listing) -> Part:
        parts = [(self.compile(item), maybe) for item, maybe in node.items]
        runs = [(part.run, maybe) for part, maybe in parts]

        def run(frame: Frame, meter: Meter) -> Any:
            meter.spend(LIST_COST)
            found = []
            for item, maybe in runs:
                value = item(frame, meter)
                if not maybe:
                    found.append(value)
                elif optional(value).present:
                    found.append(value.value)
            return found

        element = common([_unwrapped(part.type) if maybe else part.type for part, maybe in parts])
        return Part(run, list_of(element, len(parts)), LIST_COST + sum(part.cost for part, _ in parts))

    def _mapping(self, node: tree.Mapping) -> Part:
        parts = [(self.compile(key), self.compile(value), maybe) for key, value, maybe in node.entries]
        runs = [(key.run, value.run, maybe) for key, value, maybe in parts]

        def run(frame: Frame, meter: Meter) -> Any:
            meter.spend(MAP_COST)
            return _made(runs, frame, meter)

        keys = common([key.type for key, _, _ in parts])
        values = common([_unwrapped(value.type) if maybe else value.type for _, value, maybe in parts])
        cost = MAP_COST + sum(key.cost + value.cost for key, value, _ in parts)
        return Part(run, map_of(keys, values, len(parts)), cost)

    def _making(self, node: tree.Making) -> Part:
        if not self._makes:
            raise self.fail(node, f"undeclared reference to '{node.type}' (in container '')")
        parts = [(name, self.compile(value), maybe) for name, value, maybe in node.fields]
        runs: list[tuple[Run, Run, bool]] = [(_constant(name), value.run, maybe) for name, value, maybe in parts]

        def run(frame: Frame, meter: Meter) -> Any:
            meter.spend(OBJECT_COST)
            return _made(runs, frame, meter)

        return Part(run, DYN, OBJECT_COST + sum(value.cost for _, value, _ in parts))

    def boolean(self, node: Node) -> Part:
        part = self.compile(node)
        if part.type.name not in ("bool", "dyn"):
            raise self.fail(node, f"expected type 'bool' but found '{part.type}'")
        return part


def _field(value: Any, field: str) -> Any:
    if type(value) is dict:
        try:
            return value[field]
        except KeyError:
            raise CelError(f"no such key: {field}") from None
    if field in getattr(value, "cel_fields", ()):
        return getattr(value, field)
    raise CelError(f"no such overload: field {field} of {kind_of(value)}")


def _made(runs: list[tuple[Run, Run, bool]], frame: Frame, meter: Meter) -> dict[Any, Any]:
    found = {}
    for key, value, maybe in runs:
        name, one = key(frame, meter), value(frame, meter)
        if kind_of(name) not in KEYS:
            raise CelError(f"unsupported key type: {kind_of(name)}")
        if name in found:
            raise CelError(f"Failed with repeated key: {name}")
        if not maybe:
            found[name] = one
        elif optional(one).present:
            found[name] = one.value
    return found


def _constant(value: Any) -> Run:
    return lambda _frame, _meter: value


def _caller(name: str, candidates: list[Overload], args: list[Run], unsure: bool) -> Run:
    """Pays and calls the one overload, or the one that takes the values where types alone do not tell."""
    only = candidates[0] if len(candidates) == 1 and not unsure else None

    def run(frame: Frame, meter: Meter) -> Any:
        values = [arg(frame, meter) for arg in args]
        chosen = only or next((one for one in candidates if one.takes(values)), None)
        if chosen is None:
            raise CelError(f"no such overload: {name}({', '.join(map(kind_of, values))})")
        meter.spend(1 + (chosen.cost(*map(size_of, values)) if chosen.cost is not None else 0))
        try:
            return chosen.run(*values)
        except FAILURES as error:
            raise CelError(words_of(error)) from error

    return run


def _bound(types: list[Type], one: Overload) -> dict[str, Type] | None:
    bound: dict[str, Type] = {}
    return bound if all(fits(found, wanted, bound) for found, wanted in zip(types, one.params, strict=True)) else None


def _unwrapped(type: Type) -> Type:
    return type.params[0] if type.name == "optional_type" else DYN


def _unsure(type: Type) -> bool:
    return type.name in ("dyn", "null_type")


KEYS = frozenset({"bool", "int", "string", "uint"})
UNSIZED = frozenset({"bool", "int", "uint", "double", "null_type", "timestamp", "duration", "type"})
TYPE_NAMES = {
    "bool": "bool",
    "bytes": "bytes",
    "double": "double",
    "int": "int",
    "list": "list",
    "map": "map",
    "null_type": "null_type",
    "string": "string",
    "type": "type",
    "uint": "uint",
}
Macro = Callable[[Compiler, tree.Call], Part | None]
Macros = Mapping[tuple[str, bool, int], Macro]
"""(name, is a method, number of arguments) → what compiles it."""

_COMPILE: dict[type, Callable[[Compiler, Any], Part]] = {
    tree.Literal: Compiler._literal,
    tree.Name: Compiler._name,
    tree.Select: Compiler._select,
    tree.Call: Compiler._call,
    tree.Listing: Compiler._listing,
    tree.Mapping: Compiler._mapping,
    tree.Making: Compiler._making,
}
