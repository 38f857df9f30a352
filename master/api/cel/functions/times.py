"""Timestamps and durations: reading, showing, reckoning, and their parts in a time zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from master.api.cel.overloads import Overload, overload

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns)")
_ZONE = re.compile(r"([+-]?)(\d{2}):(\d{2})")


def read_duration(text: str) -> timedelta:
    """`1h30m`, as Go writes durations; ValueError."""
    digits = text.lstrip("+-")
    parts = _PART.findall(digits)
    if digits != "0" and (not parts or "".join(number + unit for number, unit in parts) != digits):
        raise ValueError(f'time: invalid duration "{text}"')
    found = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    return -found if text.startswith("-") else found


def read_time(text: str) -> datetime:
    """RFC 3339; a date alone is its first moment in UTC."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def text(value: datetime | timedelta) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.9f}".rstrip("0").rstrip(".") + "s"
    shown = value.astimezone(UTC).isoformat()
    return shown.removesuffix("+00:00") + "Z"


def _zone(name: str) -> tzinfo:
    found = _ZONE.fullmatch(name)
    if found is None:
        return UTC if name in ("UTC", "") else ZoneInfo(name)
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


_PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda time: time.year,
    "getMonth": lambda time: time.month - 1,
    "getDate": lambda time: time.day,
    "getDayOfMonth": lambda time: time.day - 1,
    "getDayOfWeek": lambda time: time.isoweekday() % 7,
    "getDayOfYear": lambda time: time.timetuple().tm_yday - 1,
    "getHours": lambda time: time.hour,
    "getMinutes": lambda time: time.minute,
    "getSeconds": lambda time: time.second,
    "getMilliseconds": lambda time: time.microsecond // 1000,
}
_LENGTHS: dict[str, Callable[[timedelta], int]] = {
    "getHours": lambda length: int(length.total_seconds() / 3600),
    "getMinutes": lambda length: int(length.total_seconds() / 60),
    "getSeconds": lambda length: int(length.total_seconds()),
    "getMilliseconds": lambda length: length.microseconds // 1000,
}


def _in_utc(part: Callable[[datetime], int]) -> Callable[..., Any]:
    return lambda time: part(time.astimezone(UTC))


def _in_zone(part: Callable[[datetime], int]) -> Callable[..., Any]:
    return lambda time, zone: part(time.astimezone(_zone(zone)))


TIMES: tuple[Overload, ...] = (
    overload("timestamp(string): timestamp", read_time),
    overload("timestamp(timestamp): timestamp", lambda time: time),
    overload("timestamp(int): timestamp", lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    overload("duration(string): duration", read_duration),
    overload("duration(duration): duration", lambda length: length),
    overload("_+_(timestamp, duration): timestamp", lambda time, length: time + length),
    overload("_+_(duration, timestamp): timestamp", lambda length, time: time + length),
    overload("_+_(duration, duration): duration", lambda one, other: one + other),
    overload("_-_(timestamp, timestamp): duration", lambda one, other: one - other),
    overload("_-_(timestamp, duration): timestamp", lambda time, length: time - length),
    overload("_-_(duration, duration): duration", lambda one, other: one - other),
    *(overload(f"timestamp->{name}(): int", _in_utc(part)) for name, part in _PARTS.items()),
    *(overload(f"timestamp->{name}(string): int", _in_zone(part)) for name, part in _PARTS.items()),
    *(overload(f"duration->{name}(): int", length) for name, length in _LENGTHS.items()),
)
