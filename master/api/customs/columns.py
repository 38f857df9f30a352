"""The columns of custom resources: name first, then what the definition says, or the age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from master.api.customs.paths import finder
from master.api.tables.cells import Cell, since
from master.api.tables.columns import AGE, NAME, Column

Object = dict[str, Any]


def columns(found: Sequence[Object]) -> tuple[Column, ...]:
    """Of `additionalPrinterColumns`."""
    return (NAME, *map(_column, found)) if found else (NAME, AGE)


def _column(found: Object) -> Column:
    kind = found.get("type", "string")
    cell = _cell(found["jsonPath"], kind)
    priority, format = found.get("priority") or 0, found.get("format") or ""
    return Column(found["name"], cell, kind, format, priority, found.get("description") or "")


def _cell(path: str, kind: str) -> Cell:
    find = finder(path)

    def cell(obj: Object) -> Any:
        found = find(obj)
        return _shown(found[0], kind) if found else None

    return cell


def _shown(value: Any, kind: str) -> Any:
    """A value in the column's type; nothing where it is of another."""
    match kind, value:
        case _, None:
            return None
        case "integer", int() | float() if not isinstance(value, bool):
            return int(value)
        case "number", int() | float() if not isinstance(value, bool):
            return value
        case "boolean", bool():
            return value
        case "date", str():
            return since(value)
        case "string", str():
            return value
        case "string", bool():
            return "true" if value else "false"
        case "string", _:
            return orjson.dumps(value).decode()
    return None
