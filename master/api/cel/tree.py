"""What an expression is parsed into.  `at` is the offset in the text that an error points to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any
    at: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; `maybe` is `.?field`, which answers an optional."""

    operand: Node
    field: str
    maybe: bool = False
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method (`target`) or operator (`_+_`)."""

    name: str
    args: tuple[Node, ...]
    target: Node | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """`[a, ?b]`: items, and whether each is an optional that may leave no item."""

    items: tuple[tuple[Node, bool], ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Mapping:
    """`{k: v, ?k: v}`."""

    entries: tuple[tuple[Node, Node, bool], ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Making:
    """`Object.spec{field: value}`: an object of a named type."""

    type: str
    fields: tuple[tuple[str, Node, bool], ...]
    at: int = 0


Node = Literal | Name | Select | Call | Listing | Mapping | Making
