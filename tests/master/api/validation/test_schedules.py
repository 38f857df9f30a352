"""Schedules of cron that are none: said in words, whatever stands where a number should."""

import pytest

from master.api.validation.schedules import schedule


@pytest.mark.parametrize("text", ["² * * * *", "*/² * * * *", "1-² * * * *", "9" * 5000 + " * * * *", "٣ * * * *"])
def test_what_only_python_takes_for_a_number_is_none(text):
    assert "failed to parse int from" in schedule(text)[0]


@pytest.mark.parametrize("text", ["* * * * *", "*/5 0-6 1,15 jan-MAR mon", "@daily"])
def test_good_ones(text):
    assert schedule(text) == ()
