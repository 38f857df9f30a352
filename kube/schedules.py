"""Schedules of cron, as Kubernetes writes them: five fields, a word such as `@daily`, or `@every 1h30m`.

Contract: `parse` raises ValueError in the words that clients know.  `Schedule.following(moment, zone)` is the first time
after a moment, `preceding` the last one up to it; both are None where five years hold none (the 31st of February).

How daylight saving is met: fields speak of the clock on the wall.  A time that the clock leaps over does not come, one
that it shows twice comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol

WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY = "@every "
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# The fields in order: their bounds, and the names that stand for numbers.
FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    (0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
HORIZON = timedelta(days=5 * 366)
DAY = timedelta(days=1)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|ns))+", re.ASCII)
_PIECE = re.compile(r"(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|ns)", re.ASCII)


class Schedule(Protocol):
    def following(self, moment: datetime, zone: tzinfo) -> datetime | None: ...

    def preceding(self, moment: datetime, zone: tzinfo, start: datetime) -> datetime | None:
        """The last time up to `moment`, counted from `start`."""


@dataclass(frozen=True)
class Interval:
    """`@every`: whole seconds apart, counted from wherever one starts."""

    seconds: int

    def following(self, moment: datetime, _zone: tzinfo) -> datetime:
        return moment.replace(microsecond=0) + timedelta(seconds=self.seconds)

    def preceding(self, moment: datetime, _zone: tzinfo, start: datetime) -> datetime | None:
        passed = int((moment - start.replace(microsecond=0)).total_seconds()) // self.seconds
        return start.replace(microsecond=0) + timedelta(seconds=passed * self.seconds) if passed > 0 else None


@dataclass(frozen=True)
class Calendar:
    """The numbers that each field lets through; `both_days`: the day of the month and that of the week must agree."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool

    def following(self, moment: datetime, zone: tzinfo) -> datetime | None:
        first = moment.astimezone(zone).date()
        times = (when for day in self._days(first, 1) for when in _moments(self, day, zone))
        return next((when for when in times if when > moment), None)

    def preceding(self, moment: datetime, zone: tzinfo, start: datetime) -> datetime | None:
        first = moment.astimezone(zone).date()
        times = (when for day in self._days(first, -1) for when in reversed(_moments(self, day, zone)))
        found = next((when for when in times if when <= moment), None)
        return found if found is not None and found > start else None

    def _days(self, first: date, way: int) -> Iterator[date]:
        """The days that may hold a time; one earlier to begin with, as zones differ by up to a day."""
        day = first - way * DAY
        for _ in range(HORIZON.days):
            if self._has(day):
                yield day
            if not date.min + DAY < day < date.max - DAY:
                return
            day += way * DAY

    def _has(self, day: date) -> bool:
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_month and by_week if self.both_days else by_month or by_week)


@lru_cache(maxsize=256)
def _moments(calendar: Calendar, day: date, zone: tzinfo) -> tuple[datetime, ...]:
    """The times of a day, in UTC and in order."""
    found = set()
    for hour in calendar.hours:
        for minute in calendar.minutes:
            for fold in (0, 1):
                wall = datetime.combine(day, time(hour, minute, fold=fold), zone)
                moment = wall.astimezone(UTC)
                if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall.replace(tzinfo=None, fold=0):
                    found.add(moment)
    return tuple(sorted(found))


def parse(text: str) -> Schedule:
    if text.startswith(EVERY):
        return Interval(_interval(text))
    if text.startswith("@"):
        if text not in WORDS:
            raise ValueError(f"unrecognized descriptor: {text}")
        text = WORDS[text]
    fields = text.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    sets = [frozenset(_numbers(field, *bounds)) for field, bounds in zip(fields, FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = sets
    return Calendar(minutes, hours, days, months, weekdays, _is_open(fields[2]) or _is_open(fields[4]))


def _interval(text: str) -> int:
    said = text.removeprefix(EVERY)
    if not _DURATION.fullmatch(said) or len(said) > 40:
        raise ValueError(f'failed to parse duration {text}: time: invalid duration "{said}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(said))
    return max(1, int(min(total, HORIZON.total_seconds())))


def _is_open(field: str) -> bool:
    """Whether it lets every day through, so that only the other one says which."""
    return any(part.removesuffix("/1") in {"*", "?"} for part in field.split(","))


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> Iterator[int]:
    for part in field.split(","):
        yield from _part(part, low, high, names)


def _part(part: str, low: int, high: int, names: dict[str, int]) -> Iterable[int]:
    """`*`, `5`, `1-5`, each with `/STEP`; `5/STEP` goes on to the end."""
    span, slash, step = part.partition("/")
    if slash and step == "0":
        raise ValueError(f"step of range should be a positive number: {part}")
    by = _number(step) if slash else 1
    if span in {"*", "?"}:
        return range(low, high + 1, by)
    ends = [names[end.lower()] if end.lower() in names else _number(end) for end in span.split("-")]
    first, last = ends[0], ends[-1]
    if len(ends) > 2:
        raise ValueError(f"too many hyphens: {part}")
    if first < low:
        raise ValueError(f"beginning of range ({first}) below minimum ({low}): {part}")
    if last > high:
        raise ValueError(f"end of range ({last}) above maximum ({high}): {part}")
    if first > last:
        raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
    return range(first, (high if slash and len(ends) == 1 else last) + 1, by)


def _number(text: str) -> int:
    """Digits of ASCII, and no more of them than a field can need: `²` is a digit to Python too."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
