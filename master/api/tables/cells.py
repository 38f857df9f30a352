"""How values read in a table's cells: ages, counts, lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kube import times

Object = dict[str, Any]
UNKNOWN = "<unknown>"


def human_duration(seconds: float) -> str:
    """As kubectl prints ages: two units while small, one when it is long."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if hours < 24 * 365 * 8 else f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def since(text: str | None) -> str:
    """How long ago a time of the API was."""
    if not text:
        return UNKNOWN
    try:
        moment = times.parse(text)
    except ValueError:
        return UNKNOWN
    return human_duration((datetime.now(UTC) - moment).total_seconds())


def age(obj: Object) -> str:
    return since(obj["metadata"].get("creationTimestamp"))
