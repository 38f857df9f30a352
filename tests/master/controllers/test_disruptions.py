"""Disruption budgets: what may be evicted of the pods that are there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from master.controllers.disruptions import by_scale, selected, status

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def budget(before=None, **spec):
    spec = {"selector": {"matchLabels": {"app": "x"}}} | spec
    return {
        "metadata": {"name": "b", "namespace": "ns", "uid": "u", "generation": 3},
        "spec": spec,
        "status": before or {},
    }


def pods(ready, unready=0, **meta):
    def one(number, state):
        labels = {"name": f"p{number}", "namespace": "ns", "uid": f"u{number}", "labels": {"app": "x"}, **meta}
        return {"metadata": labels, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": state}]}}

    return [one(n, "True" if n < ready else "False") for n in range(ready + unready)]


@pytest.mark.parametrize(
    ("spec", "present", "expected", "allowed", "desired"),
    [
        pytest.param({"minAvailable": 2}, pods(3), 3, 1, 2, id="one may go"),
        pytest.param({"minAvailable": 2}, pods(2, 1), 3, 0, 2, id="the unready one is gone already"),
        pytest.param({"minAvailable": "50%"}, pods(3), 3, 1, 2, id="a percentage is rounded up"),
        pytest.param({"maxUnavailable": 1}, pods(3), 3, 1, 2, id="one at a time"),
        pytest.param({"maxUnavailable": 1}, pods(2), 3, 0, 2, id="a missing pod counts as disrupted"),
        pytest.param({"maxUnavailable": "100%"}, pods(3), 3, 3, 0, id="all may go"),
        pytest.param({"minAvailable": 1}, [], 0, 0, 1, id="no pods"),
    ],
)
def test_what_is_allowed(spec, present, expected, allowed, desired):
    said = status(budget(**spec), present, expected, NOW)
    assert (said["disruptionsAllowed"], said["desiredHealthy"], said["expectedPods"]) == (allowed, desired, expected)
    assert said["observedGeneration"] == 3
    assert said["conditions"][0]["reason"] == ("SufficientPods" if allowed else "InsufficientPods")


def test_an_eviction_under_way_counts_until_its_pod_goes_or_the_time_is_over():
    before = {
        "disruptedPods": {"p0": "2026-01-01T11:59:30Z", "p1": "2026-01-01T11:50:00Z", "gone": "2026-01-01T11:59:30Z"}
    }
    said = status(budget(before, minAvailable=1), pods(3), 3, NOW)
    assert said["disruptedPods"] == {"p0": "2026-01-01T11:59:30Z"}
    assert (said["currentHealthy"], said["disruptionsAllowed"]) == (2, 1)


def test_the_condition_keeps_the_time_it_changed():
    first = status(budget(minAvailable=1), pods(3), 3, NOW)
    later = status(budget(first, minAvailable=1), pods(3), 3, NOW.replace(hour=13))
    assert later == first


def test_which_pods_are_the_budgets():
    ended = {"metadata": {"name": "e", "labels": {"app": "x"}}, "status": {"phase": "Succeeded"}}
    other = {"metadata": {"name": "o", "labels": {"app": "y"}}, "status": {}}
    found = selected(budget(), [*pods(2), ended, other])
    assert [p["metadata"]["name"] for p in found] == ["p0", "p1"]
    assert selected(budget(selector=None), pods(2)) == []
    assert len(selected(budget(selector={}), pods(2))) == 2


@pytest.mark.parametrize(
    ("spec", "scaled"), [({"minAvailable": 1}, False), ({"minAvailable": "1%"}, True), ({"maxUnavailable": 0}, True)]
)
def test_when_the_controllers_scale_matters(spec, scaled):
    assert by_scale(budget(**spec)) is scaled
