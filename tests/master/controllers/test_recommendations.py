"""Windows, rates and bounds between what is asked for and what is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.controllers import recommendations
from master.controllers.recommendations import History


def hpa(least: int = 1, most: int = 20, **behavior: dict) -> dict:
    return {"spec": {"minReplicas": least, "maxReplicas": most, **({"behavior": behavior} if behavior else {})}}


@pytest.mark.parametrize(
    ("behavior", "recommended", "current", "desired", "expected"),
    [
        ({}, [], 3, 5, (5, "ReadyForNewScale")),
        ({}, [(900.0, 6)], 6, 2, (6, "ScaleDownStabilized")),
        ({}, [(100.0, 6)], 6, 2, (2, "ReadyForNewScale")),
        ({"scaleUp": {"stabilizationWindowSeconds": 60}}, [(990.0, 3)], 3, 9, (3, "ScaleUpStabilized")),
        ({"scaleDown": {"stabilizationWindowSeconds": 0}}, [(990.0, 6)], 6, 2, (2, "ReadyForNewScale")),
    ],
    ids=["up-at-once", "down-waits", "down-after-all", "up-waits", "down-at-once"],
)
def test_windows(behavior, recommended, current, desired, expected):
    steady, said = recommendations.steadied(hpa(**behavior), current, desired, History(recommended), 1000.0)
    assert (steady, said.reason) == expected


@pytest.mark.parametrize(
    ("behavior", "changes", "current", "desired", "expected"),
    [
        ({}, [], 1, 3, (3, "DesiredWithinRange")),
        ({}, [], 1, 9, (5, "ScaleUpLimit")),
        ({}, [], 8, 40, (16, "ScaleUpLimit")),
        ({}, [], 18, 40, (20, "TooManyReplicas")),
        ({}, [(995.0, 4)], 5, 9, (5, "ScaleUpLimit")),
        ({}, [], 3, 0, (1, "TooFewReplicas")),
        (
            {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
            [],
            8,
            2,
            (7, "ScaleDownLimit"),
        ),
        ({"scaleDown": {"selectPolicy": "Disabled"}}, [], 8, 2, (8, "ScaleDownLimit")),
        ({"scaleUp": {"selectPolicy": "Min"}}, [], 2, 20, (4, "ScaleUpLimit")),
    ],
    ids=["free", "four", "double", "bound", "just-grew", "least", "one-a-minute", "never-down", "slowest"],
)
def test_rates_and_bounds(behavior, changes, current, desired, expected):
    history = History(changes=changes)
    found, said = recommendations.limited(hpa(**behavior), current, desired, history, 1000.0)
    assert (found, said.reason) == expected


@given(st.integers(1, 30), st.integers(0, 60), st.integers(1, 10), st.integers(10, 30))
def test_the_bounds_hold(current, desired, least, most):
    current = min(max(current, least), most)
    found, _said = recommendations.limited(hpa(least, most), current, desired, History(), 0.0)
    assert least <= found <= most
