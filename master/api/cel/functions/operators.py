"""Operators, sizes and conversions: CEL's standard definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from master.api.cel.functions import times
from master.api.cel.overloads import Overload, by_length, by_sum, overload
from master.api.cel.values import HIGHEST, LOWEST, Type, UInt, equal, kind_of

NUMBERS = ("int", "uint", "double")
ORDERED = (*NUMBERS, "string", "bytes", "timestamp", "duration", "bool")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "_<_": lambda one, other: one < other,
    "_<=_": lambda one, other: one <= other,
    "_>_": lambda one, other: one > other,
    "_>=_": lambda one, other: one >= other,
}


def integer(value: int) -> int:
    if not LOWEST <= value <= HIGHEST:
        raise ValueError("integer overflow")
    return int(value)


def unsigned(value: int) -> UInt:
    if not 0 <= value < 2**64:
        raise ValueError("unsigned integer overflow")
    return UInt(value)


def _quotient(one: int, other: int) -> int:
    if other == 0:
        raise ValueError("division by zero")
    found = abs(one) // abs(other)
    return found if (one < 0) == (other < 0) else -found


def _remainder(one: int, other: int) -> int:
    if other == 0:
        raise ValueError("modulus by zero")
    return one - other * _quotient(one, other)


def _ratio(one: float, other: float) -> float:
    if other == 0.0:
        return math.nan if one == 0 or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)
    return one / other


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "_+_": lambda one, other: one + other,
    "_-_": lambda one, other: one - other,
    "_*_": lambda one, other: one * other,
    "_/_": _quotient,
    "_%_": _remainder,
}


def _arithmetic() -> list[Overload]:
    found = []
    for name, work in _ARITHMETIC.items():
        found.append(overload(f"{name}(int, int): int", _checked(work, integer)))
        found.append(overload(f"{name}(uint, uint): uint", _checked(work, unsigned)))
        if name != "_%_":
            found.append(overload(f"{name}(double, double): double", _ratio if name == "_/_" else work))
    return found


def _checked(work: Callable[[int, int], int], fit: Callable[[int], int]) -> Callable[[int, int], int]:
    return lambda one, other: fit(work(int(one), int(other)))


def _ordering() -> list[Overload]:
    pairs = [(one, one) for one in ORDERED] + [(one, other) for one in NUMBERS for other in NUMBERS if one != other]
    return [
        overload(f"{name}({one}, {other}): bool", compare, by_sum if one in ("string", "bytes") else None)
        for name, compare in _COMPARE.items()
        for one, other in pairs
    ]


def _equality_cost(one: int, other: int) -> int:
    return math.ceil(min(one, other) * 0.1)


def _in_list(value: Any, items: list[Any]) -> bool:
    return any(equal(value, item) for item in items)


def _index(items: list[Any], index: int) -> Any:
    if not 0 <= index < len(items):
        raise ValueError(f"index out of bounds: {index}")
    return items[int(index)]


def _key(items: dict[Any, Any], key: Any) -> Any:
    if key not in items:
        raise ValueError(f"no such key: {key}")
    return items[key]


def to_text(value: Any) -> str:
    match kind_of(value):
        case "bool":
            return "true" if value else "false"
        case "double":
            return f"{value:g}" if value != int(value) or abs(value) >= 1e21 else str(int(value))
        case "bytes":
            return str(value.decode())
        case "timestamp" | "duration":
            return times.text(value)
    return str(value)


def _to_int(value: Any) -> int:
    if kind_of(value) == "timestamp":
        return int(value.timestamp())
    if kind_of(value) == "double" and not LOWEST < value < HIGHEST:
        raise ValueError("integer overflow")
    return integer(int(value))


def _to_bool(value: str) -> bool:
    words = dict.fromkeys(("1", "t", "true", "TRUE", "True", "T"), True)
    words |= dict.fromkeys(("0", "f", "false", "FALSE", "False", "F"), False)
    return words[value]


_CONVERSIONS = (
    *(overload(f"string({one}): string", to_text, by_length) for one in (*ORDERED, "dyn")),
    *(overload(f"int({one}): int", _to_int) for one in (*NUMBERS, "string", "timestamp")),
    *(overload(f"uint({one}): uint", lambda value: unsigned(int(value))) for one in (*NUMBERS, "string")),
    *(overload(f"double({one}): double", float) for one in (*NUMBERS, "string")),
    overload("bool(bool): bool", bool),
    overload("bool(string): bool", _to_bool),
    overload("bytes(string): bytes", lambda text: text.encode(), by_length),
    overload("bytes(bytes): bytes", bytes),
    overload("dyn(A): dyn", lambda value: value),
    overload("type(A): type", lambda value: Type(kind_of(value))),
)


OPERATORS: tuple[Overload, ...] = (
    overload("_==_(A, A): bool", equal, _equality_cost),
    overload("_!=_(A, A): bool", lambda one, other: not equal(one, other), _equality_cost),
    *(
        overload(f"{name}({one}, {other}): bool", run)
        for name, run in (("_==_", equal), ("_!=_", lambda one, other: not equal(one, other)))
        for one in NUMBERS
        for other in NUMBERS
        if one != other
    ),
    overload("!_(bool): bool", lambda value: not value),
    overload("-_(int): int", lambda value: integer(-value)),
    overload("-_(double): double", lambda value: -value),
    overload("-_(duration): duration", lambda value: -value),
    overload("_+_(string, string): string", lambda one, other: one + other, by_sum),
    overload("_+_(bytes, bytes): bytes", lambda one, other: one + other, by_sum),
    overload("_+_(list(A), list(A)): list(A)", lambda one, other: one + other),
    overload("@in(A, list(A)): bool", _in_list, lambda _value, items: items),
    overload("@in(A, map(A, B)): bool", lambda key, items: key in items),
    overload("_[_](list(A), int): A", _index),
    overload("_[_](map(A, B), A): B", _key),
    *_arithmetic(),
    *_ordering(),
    *(overload(f"size({one}): int", len) for one in ("string", "bytes", "list(A)", "map(A, B)")),
    *(overload(f"{one}->size(): int", len) for one in ("string", "bytes", "list(A)", "map(A, B)")),
    *_CONVERSIONS,
)
