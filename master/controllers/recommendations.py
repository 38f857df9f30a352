"""From what the metrics ask for to what is done: windows that steady it, rates and bounds that limit it.  Pure.

`History` is what an autoscaler remembers between its turns; a master that starts anew remembers nothing, and begins with
the present size as its first recommendation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from master.controllers.objects import Object

UP: Object = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
DOWN: Object = {
    "stabilizationWindowSeconds": 300,
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
LONGEST = 3600.0


class Said(NamedTuple):
    """A condition."""

    type: str
    status: str
    reason: str
    message: str


@dataclass
class History:
    """(when, replicas) recommended, and (when, change) made, times in seconds."""

    recommended: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)

    def forget(self, now: float) -> None:
        self.recommended = [item for item in self.recommended if item[0] > now - LONGEST]
        self.changes = [item for item in self.changes if item[0] > now - LONGEST]

    def change(self, seconds: float, now: float) -> int:
        """By how many replicas it grew in the last seconds."""
        return sum(change for when, change in self.changes if when > now - seconds)


def rules(hpa: Object, way: str) -> Mapping[str, Any]:
    """The rules of `scaleUp` or `scaleDown`, with what stands for those that were not given."""
    given = (hpa["spec"].get("behavior") or {}).get(way) or {}
    return {**(UP if way == "scaleUp" else DOWN), **{name: value for name, value in given.items() if value is not None}}


def steadied(hpa: Object, current: int, desired: int, history: History, now: float) -> tuple[int, Said]:
    """Down only to the highest that was recommended within its window, up only to the lowest."""
    up = now - rules(hpa, "scaleUp")["stabilizationWindowSeconds"]
    down = now - rules(hpa, "scaleDown")["stabilizationWindowSeconds"]
    lowest = min((count for when, count in history.recommended if when > up), default=desired)
    highest = max((count for when, count in history.recommended if when > down), default=desired)
    history.recommended.append((now, desired))
    history.forget(now)
    steady = min(max(current, min(lowest, desired)), max(highest, desired))
    if steady < desired:
        return steady, Said("AbleToScale", "True", "ScaleUpStabilized", UP_STEADIED)
    if steady > desired:
        return steady, Said("AbleToScale", "True", "ScaleDownStabilized", DOWN_STEADIED)
    return steady, Said("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")


UP_STEADIED = "recent recommendations were lower than current one, applying the lowest recent recommendation"
DOWN_STEADIED = "recent recommendations were higher than current one, applying the highest recent recommendation"


def limited(hpa: Object, current: int, desired: int, history: History, now: float) -> tuple[int, Said]:
    """Within the rates of change and the bounds of the autoscaler."""
    least, most = hpa["spec"].get("minReplicas", 1), hpa["spec"]["maxReplicas"]
    if desired > current:
        rate = max(current, _limit(rules(hpa, "scaleUp"), current, history, now))
        if desired > min(rate, most):
            return (most, TOO_MANY) if most <= rate else (rate, TOO_FAST_UP)
    elif desired < current:
        rate = min(current, _limit(rules(hpa, "scaleDown"), current, history, now, up=False))
        if desired < max(rate, least):
            return (least, TOO_FEW) if least >= rate else (rate, TOO_FAST_DOWN)
    bounded = min(max(desired, least), most)
    return bounded, WITHIN if bounded == desired else TOO_FEW if desired < least else TOO_MANY


WITHIN = Said("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range")
TOO_FEW = Said(
    "ScalingLimited", "True", "TooFewReplicas", "the desired replica count is less than the minimum replica count"
)
TOO_MANY = Said(
    "ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count"
)
TOO_FAST_UP = Said(
    "ScalingLimited",
    "True",
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
)
TOO_FAST_DOWN = Said(
    "ScalingLimited",
    "True",
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
)


def _limit(rule: Mapping[str, Any], current: int, history: History, now: float, *, up: bool = True) -> int:
    """How far the policies let it go, from where it stood when each of their periods began."""
    if rule["selectPolicy"] == "Disabled":
        return current
    ends = []
    for policy in rule["policies"]:
        start = current - history.change(policy["periodSeconds"], now)
        step = policy["value"]
        if policy["type"] == "Percent":
            share = start * (1 + step / 100) if up else start * (1 - step / 100)
            ends.append(math.ceil(share) if up else int(share))
        else:
            ends.append(start + step if up else start - step)
    farthest = rule["selectPolicy"] != "Min"
    return max(ends) if farthest == up else min(ends)
