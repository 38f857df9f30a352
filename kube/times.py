"""Times as the API writes them: RFC 3339 in UTC, whole seconds (`Time`) or microseconds (`MicroTime`)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

LAYOUT = "2006-01-02T15:04:05Z07:00"
MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):(\d\d))", re.ASCII)
# The parts of the layout and what a text must offer at each, to say where it went wrong.
_PARTS: tuple[tuple[str, str], ...] = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", r"\d\d"),
    ("-", "-"),
    ("02", r"\d\d"),
    ("T", "T"),
    ("15", r"\d\d"),
    (":", ":"),
    ("04", r"\d\d"),
    (":", ":"),
    ("05", r"\d\d(?:[.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)
_MICRO_PARTS = (*_PARTS[:-2], ("05", r"\d\d"), (".000000", r"\.\d{6}(?!\d)"), _PARTS[-1])
_MICRO = re.compile("".join(f"(?:{shape})" for _, shape in _MICRO_PARTS), re.ASCII)
_MICRO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def now() -> str:
    return _second(int(time.time()))


@lru_cache(maxsize=2)
def _second(number: int) -> str:
    return text(datetime.fromtimestamp(number, UTC))


def micro_now() -> str:
    return micro_text(datetime.now(UTC))


def text(moment: datetime) -> str:
    """`2026-01-02T03:04:05Z`; fractions are cut off."""
    return _text(moment, "seconds")


def micro_text(moment: datetime) -> str:
    """`2026-01-02T03:04:05.000006Z`."""
    return _text(moment, "microseconds")


def _text(moment: datetime, precision: str) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def parse(value: str) -> datetime:
    """The moment of an RFC 3339 text, in UTC; ValueError in the words Go clients know."""
    match = _RFC3339.fullmatch(value)
    if not match:
        raise ValueError(_complaint(value, LAYOUT, _PARTS))
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    micros = int((match[7] or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micros, _zone(match))
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'parsing time "{value}": {_out_of_range(match)} out of range') from error


@lru_cache(maxsize=1024)
def canonical(value: str) -> str:
    """The text the API answers for a `Time`."""
    return text(parse(value))


def micro_canonical(value: str) -> str:
    """The text the API answers for a `MicroTime`, which must come with exactly six digits."""
    if _MICRO_UTC.fullmatch(value) and _is_moment(value):
        return value
    if not _MICRO.fullmatch(value):
        raise ValueError(_complaint(value, MICRO_LAYOUT, _MICRO_PARTS))
    return micro_text(parse(value))


def _is_moment(value: str) -> bool:
    """Whether what looks like a time is one: no thirteenth month."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _zone(match: re.Match[str]) -> timezone:
    if match[8] == "Z":
        return UTC
    offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
    return timezone(-offset if match[9] == "-" else offset)


def _out_of_range(match: re.Match[str]) -> str:
    month, hour, minute, second = int(match[2]), int(match[4]), int(match[5]), int(match[6])
    if not 1 <= month <= 12:
        return "month"
    if hour > 23:
        return "hour"
    if minute > 59:
        return "minute"
    return "second" if second > 59 else "day"


def _complaint(value: str, layout: str, parts: tuple[tuple[str, str], ...]) -> str:
    rest = value
    for part, shape in parts:
        match = re.match(shape, rest, re.ASCII)
        if not match:
            return f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as "{part}"'
        rest = rest[match.end() :]
    return f'parsing time "{value}": extra text: "{rest}"'
