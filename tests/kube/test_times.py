"""Times: written in UTC, read from any zone, refused in Go's words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import times


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("2026-01-01T00:30:00-01:30", "2026-01-01T02:00:00Z"),
    ],
)
def test_a_time_is_answered_in_utc(text: str, canonical: str) -> None:
    assert times.canonical(text) == canonical


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'),
        ("2026-01-02", 'parsing time "2026-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
        ("2026-13-02T03:04:05Z", 'parsing time "2026-13-02T03:04:05Z": month out of range'),
        ("2026-02-30T03:04:05Z", 'parsing time "2026-02-30T03:04:05Z": day out of range'),
        ("2026-01-02T03:04:05Zx", 'parsing time "2026-01-02T03:04:05Zx": extra text: "x"'),
    ],
)
def test_a_bad_time_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="parsing time") as caught:
        times.parse(text)
    assert str(caught.value) == complaint


def test_a_micro_time_has_six_digits() -> None:
    assert times.micro_canonical("2026-01-02T03:04:05.000006Z") == "2026-01-02T03:04:05.000006Z"
    with pytest.raises(ValueError, match=r'as ".000000"'):
        times.micro_canonical("2026-01-02T03:04:05Z")
    with pytest.raises(ValueError, match='cannot parse "" as "2006"'):
        times.micro_canonical("")


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_what_is_written_reads_back(moment: datetime) -> None:
    assert times.parse(times.text(moment)) == moment.replace(microsecond=0)
    assert times.parse(times.micro_text(moment)) == moment


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        times.canonical(text)
    except ValueError as error:
        assert "parsing time" in str(error)
