"""Schedules of cron: the next time, the last one, and what the clocks of the world do in spring and autumn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.schedules import parse

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("* * * * *", "2026-01-01T00:00:59Z", "2026-01-01T00:01:00Z"),
        ("*/15 * * * *", "2026-01-01T00:50:00Z", "2026-01-01T01:00:00Z"),
        ("5/20 * * * *", "2026-01-01T00:06:00Z", "2026-01-01T00:25:00Z"),
        ("0 0 1 1 *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-12-02T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
        ("0 0 13 * fri", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("0 0 * * fri", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("0 0 */2 * fri", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"),
        ("@every 1h30m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"),
    ],
)
def test_the_next_time(text, after, expected):
    assert parse(text).following(at(after), UTC) == at(expected)


def test_a_day_that_never_comes():
    assert parse("0 0 31 2 *").following(at("2026-01-01T00:00:00Z"), UTC) is None


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 2 * * *", "2026-03-08T00:00:00-05:00", "2026-03-09T02:30:00-04:00"),
        ("30 1 * * *", "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"),
        ("0 9 * * *", "2026-07-01T12:00:00Z", "2026-07-01T13:00:00Z"),
        ("0 23 * * *", "2026-07-02T02:00:00Z", "2026-07-02T03:00:00Z"),
    ],
    ids=["leapt-over", "twice", "summer", "another-day-here"],
)
def test_zones(text, after, expected):
    assert parse(text).following(at(after), NEW_YORK) == at(expected)


def test_the_end_of_time_is_no_fault():
    assert parse("0 0 1 1 *").following(datetime(9999, 12, 31, tzinfo=UTC), UTC) is None


MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
TEXTS = st.sampled_from(["* * * * *", "*/7 3,15 * * *", "0 2 * * *", "30 1 1-7 * sun", "@hourly", "@weekly"])


@given(TEXTS, MOMENTS, st.sampled_from([UTC, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]))
def test_forth_and_back_agree(text, moment, zone):
    schedule = parse(text)
    upcoming = schedule.following(moment, zone)
    assert upcoming is not None and upcoming > moment
    assert schedule.preceding(upcoming, zone, moment) == upcoming
    assert schedule.preceding(upcoming - timedelta(seconds=1), zone, moment) is None


@pytest.mark.parametrize("text", ["@every", "@every -1h", "@every 1", "@every 1x", "@every ²h", "", "* * * * 7"])
def test_what_is_no_schedule(text):
    with pytest.raises(ValueError, match=".+"):
        parse(text)
