"""The columns of every kind, as upstream prints them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from master.api.tables.cells import age

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """`priority` 1 is shown with `-o wide` only."""

    name: str
    cell: Callable[[Object], Any]
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


NAME = Column("Name", lambda obj: obj["metadata"].get("name", ""), format="name")
AGE = Column("Age", age)
DEFAULT = (NAME, Column("Created At", lambda obj: obj["metadata"].get("creationTimestamp", ""), "date"))
COLUMNS: dict[tuple[str, str], tuple[Column, ...]] = {}
