"""Functions by their signatures: `string.split(string, int): list(string)` takes a receiver and two arguments.

Type parameters are A and B.  `cost` reckons from the arguments' sizes, the receiver's first: from real ones when it runs,
from the largest possible ones when the expression is judged before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

from master.api.cel.values import DYN, NUMBERS, PARAMETERS, Type, kind_of

Cost = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Overload:
    name: str
    method: bool
    params: tuple[Type, ...]
    result: Type
    run: Callable[..., Any]
    cost: Cost | None = None

    def takes(self, values: Iterable[Any]) -> bool:
        """Whether the values are of the parameters' types, looked at from outside."""
        return all(_is(value, wanted) for value, wanted in zip(values, self.params, strict=True))


Table = dict[tuple[str, bool, int], list[Overload]]


def overload(signature: str, run: Callable[..., Any], cost: Cost | None = None) -> Overload:
    """A method is written with `->` after its receiver: `string->size(): int`."""
    head, _, result = signature.rpartition(": ")
    receiver, arrow, rest = head.partition("->")
    name, _, params = (rest if arrow else head).partition("(")
    types = [*([receiver] if arrow else []), *_split(params.removesuffix(")"))]
    return Overload(name, bool(arrow), tuple(map(type_of, types)), type_of(result), run, cost)


def table(*libraries: Iterable[Overload]) -> Table:
    """(name, is a method, number of arguments with the receiver) → overloads, those that take anything last."""
    found: Table = {}
    for library in libraries:
        for one in library:
            found.setdefault((one.name, one.method, len(one.params)), []).append(one)
    for overloads in found.values():
        overloads.sort(key=lambda one: DYN in one.params)
    return found


@cache
def type_of(text: str) -> Type:
    """`list(string)` as a type."""
    name, _, params = text.strip().partition("(")
    if name in PARAMETERS:
        return PARAMETERS[name]
    return Type(name, tuple(map(type_of, _split(params.removesuffix(")")))))


def _split(text: str) -> list[str]:
    """At the commas outside of parentheses."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def fits(found: Type, wanted: Type, bound: dict[str, Type]) -> bool:
    """Whether a value of one type can be given where the other is wanted; type parameters are bound on the way."""
    if wanted.name in PARAMETERS:
        present = bound.get(wanted.name)
        if present is None or present.name in ("dyn", "null_type"):
            bound[wanted.name] = found
            return True
        return fits(found, present, bound)
    if "dyn" in (found.name, wanted.name) or found.name == "null_type" != wanted.name not in NUMBERS:
        return True
    if found.name != wanted.name:
        return False
    return all(fits(one, other, bound) for one, other in zip(found.params, wanted.params, strict=False))


def filled(result: Type, bound: dict[str, Type]) -> Type:
    """The type with its parameters as they were bound."""
    if result.name in PARAMETERS:
        return bound.get(result.name, DYN)
    return Type(result.name, tuple(filled(one, bound) for one in result.params), result.fields, result.size)


def _is(value: Any, wanted: Type) -> bool:
    return wanted.name == "dyn" or wanted.name in PARAMETERS or kind_of(value) == wanted.name


# Costs


def by_length(*sizes: int) -> int:
    """A text that is gone through."""
    return ceil(sizes[0] * 0.1)


def by_both(text: int, other: int, *_more: int) -> int:
    return ceil(text * 0.1) * max(1, ceil(other * 0.1))


def by_sum(*sizes: int) -> int:
    return ceil(sum(sizes) * 0.1)


def by_pattern(text: int, pattern: int, *_more: int) -> int:
    return ceil(text * 0.1) * max(1, ceil(pattern * 0.25))


def by_items(*sizes: int) -> int:
    """A list that is gone through."""
    return sizes[0]


def by_product(one: int, other: int, *_more: int) -> int:
    return one * other
