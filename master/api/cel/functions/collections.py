"""Lists, sets and optionals: Kubernetes' list functions, CEL's sets and lists extensions."""

from __future__ import annotations

import itertools
from typing import Any

from master.api.cel.overloads import Overload, by_items, by_product, overload
from master.api.cel.values import NOTHING, Maybe, equal

ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "timestamp", "duration")


def _is_sorted(items: list[Any]) -> bool:
    return all(not other < one for one, other in itertools.pairwise(items))


def _first_of(choose: Any) -> Any:
    def run(items: list[Any]) -> Any:
        if not items:
            raise ValueError("min/max called on empty list")
        return choose(items)

    return run


def _index_of(items: list[Any], wanted: Any) -> int:
    return next((index for index, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: list[Any], wanted: Any) -> int:
    return next((index for index in reversed(range(len(items))) if equal(items[index], wanted)), -1)


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    found: list[Any] = []
    for item in items:
        found += _flatten(item, depth - 1) if isinstance(item, list) and depth > 0 else [item]
    return found


def _distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not any(equal(item, other) for other in found):
            found.append(item)
    return found


def _within(items: list[Any], others: list[Any]) -> bool:
    """Whether each of the items is among the others."""
    return all(any(equal(item, other) for other in others) for item in items)


def _meet(items: list[Any], others: list[Any]) -> bool:
    return any(equal(item, other) for item in items for other in others)


def _non_zero(value: Any) -> Maybe:
    return Maybe(value, True) if value not in (None, False, 0, "", b"", [], {}) else NOTHING


def _value(found: Maybe) -> Any:
    if not found.present:
        raise ValueError("optional.none() dereference")
    return found.value


def _at(items: Any, key: Any) -> Maybe:
    if isinstance(items, Maybe):
        return _at(items.value, key) if items.present else NOTHING
    if isinstance(items, list):
        return Maybe(items[key], True) if 0 <= key < len(items) else NOTHING
    return Maybe(items[key], True) if key in items else NOTHING


LISTS: tuple[Overload, ...] = (
    *(overload(f"list({one})->isSorted(): bool", _is_sorted, by_items) for one in ORDERED),
    *(overload(f"list({one})->min(): {one}", _first_of(min), by_items) for one in ORDERED),
    *(overload(f"list({one})->max(): {one}", _first_of(max), by_items) for one in ORDERED),
    *(overload(f"list({one})->sort(): list({one})", sorted, by_items) for one in ORDERED),
    overload("list(int)->sum(): int", sum, by_items),
    overload("list(double)->sum(): double", lambda items: float(sum(items)), by_items),
    overload("list(uint)->sum(): uint", sum, by_items),
    overload("list(A)->indexOf(A): int", _index_of, by_items),
    overload("list(A)->lastIndexOf(A): int", _last_index_of, by_items),
    overload("list(A)->slice(int, int): list(A)", _slice, by_items),
    overload("list(A)->flatten(): list(dyn)", _flatten, by_items),
    overload("list(A)->flatten(int): list(dyn)", _flatten, by_items),
    overload("list(A)->distinct(): list(A)", _distinct, lambda size: size * size),
    overload("list(A)->reverse(): list(A)", lambda items: items[::-1], by_items),
    overload("list(A)->first(): optional_type(A)", lambda items: _at(items, 0)),
    overload("list(A)->last(): optional_type(A)", lambda items: _at(items, len(items) - 1)),
    overload("lists.range(int): list(int)", lambda count: list(range(count))),
)
SETS: tuple[Overload, ...] = (
    overload("sets.contains(list(A), list(A)): bool", lambda items, part: _within(part, items), by_product),
    overload("sets.equivalent(list(A), list(A)): bool", lambda a, b: _within(a, b) and _within(b, a), by_product),
    overload("sets.intersects(list(A), list(A)): bool", _meet, by_product),
)
OPTIONALS: tuple[Overload, ...] = (
    overload("optional.of(A): optional_type(A)", lambda value: Maybe(value, True)),
    overload("optional.ofNonZeroValue(A): optional_type(A)", _non_zero),
    overload("optional.none(): optional_type(dyn)", lambda: NOTHING),
    overload("optional_type(A)->hasValue(): bool", lambda found: found.present),
    overload("optional_type(A)->value(): A", _value),
    overload("optional_type(A)->orValue(A): A", lambda found, other: found.value if found.present else other),
    overload(
        "optional_type(A)->or(optional_type(A)): optional_type(A)", lambda one, other: one if one.present else other
    ),
    overload("_[?_](list(A), int): optional_type(A)", _at),
    overload("_[?_](map(A, B), A): optional_type(B)", _at),
    overload("_[?_](optional_type(A), dyn): optional_type(dyn)", _at),
    overload("_[_](optional_type(A), dyn): optional_type(dyn)", _at),
)
