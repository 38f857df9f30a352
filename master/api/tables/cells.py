"""How values read in a table's cells: ages, counts, lists, selectors.  Cell makers take a path and give a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from kube import selectors, times

Object = dict[str, Any]
Cell = Callable[[Object], Any]

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
SHOWN = 3
"""Members of a list that a cell names before it counts the rest."""


def value(obj: Any, path: str) -> Any:
    """What lies at `a.b.c`; None where any part is missing."""
    for part in path.split("."):
        if not isinstance(obj, dict):
            return None
        obj = obj.get(part)
    return obj


def text(path: str, missing: str = "") -> Cell:
    def cell(obj: Object) -> str:
        found = value(obj, path)
        return missing if found is None or found == "" else str(found)

    return cell


def number(path: str, missing: int = 0) -> Cell:
    return lambda obj: missing if (found := value(obj, path)) is None else found


def flag(path: str, missing: bool = False) -> Cell:
    return lambda obj: missing if (found := value(obj, path)) is None else bool(found)


def count(path: str) -> Cell:
    return lambda obj: len(value(obj, path) or ())


def joined(path: str, missing: str = "", separator: str = ",") -> Cell:
    return lambda obj: separator.join(map(str, value(obj, path) or ())) or missing


def labels(path: str) -> Cell:
    """A plain map of labels: `a=b,c=d`."""

    def cell(obj: Object) -> str:
        found = value(obj, path) or {}
        return ",".join(f"{key}={found[key]}" for key in sorted(found)) or NONE

    return cell


def selector(path: str) -> Cell:
    """A LabelSelector as kubectl would take it."""

    def cell(obj: Object) -> str:
        found = value(obj, path)
        return (selectors.label_text(selectors.from_object(found)) if found else "") or NONE

    return cell


def containers(template: str, what: str) -> Cell:
    """The names or images of the containers at `template`."""
    return lambda obj: ",".join(str(one.get(what, "")) for one in value(obj, f"{template}.containers") or ())


def some(members: Iterable[str], missing: str = NONE, most: int = SHOWN) -> str:
    """The first few, and how many there are more."""
    listed = list(members)
    shown = ",".join(listed[:most])
    if len(listed) > most:
        return f"{shown} + {len(listed) - most} more..."
    return shown or missing


def human_duration(seconds: float) -> str:
    """As kubectl prints ages: two units while small, one when it is long."""
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    return _hours(minutes // 60, minutes % 60)


def _hours(hours: int, minutes: int) -> str:
    days, years = hours // 24, hours // 24 // 365
    if hours < 8:
        return _two(hours, "h", minutes, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if years < 2:
        return f"{days}d"
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def moment(stamp: str | None) -> datetime | None:
    if not stamp:
        return None
    try:
        return times.parse(stamp)
    except ValueError:
        return None


def since(stamp: str | None, missing: str = UNKNOWN) -> str:
    """How long ago a time of the API was."""
    found = moment(stamp)
    return missing if found is None else human_duration((datetime.now(UTC) - found).total_seconds())


def ago(path: str, missing: str = UNKNOWN) -> Cell:
    return lambda obj: since(value(obj, path), missing)


def age(obj: Object) -> str:
    return since(obj["metadata"].get("creationTimestamp"))
