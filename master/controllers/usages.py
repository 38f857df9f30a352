"""How many replicas the measured use asks for, the arithmetic of HorizontalPodAutoscalers.

Pure.  The ratio of what is used to what is aimed at scales the pods that are ready; a pod that tells nothing is taken to
use all it may when that speaks against shrinking, and nothing when it speaks against growing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kube import quantities, times
from master.controllers.objects import Object, condition, is_deleting

TOLERANCE = 0.1
STARTING, FIRST_READY = 300.0, 30.0
"""Seconds that a pod's start lasts, in which its processor time tells little, and that its first readiness may take."""


class UnmeasuredError(Exception):
    """No count can be worked out; the message says why, in the words of a condition."""


class Sample(NamedTuple):
    """What a pod uses, in thousandths, and how long that was measured until when."""

    value: int
    when: datetime
    window: float = 60.0


@dataclass(frozen=True)
class Aim:
    """`target` is a percentage of the requests where those are given, else thousandths for each pod."""

    target: int
    requests: Mapping[str, int] | None = None
    grow: float = TOLERANCE
    shrink: float = TOLERANCE

    def met(self, ratio: float) -> bool:
        return 1 - self.shrink <= ratio <= 1 + self.grow

    def full(self, pod: str) -> int:
        """What the pod uses when it is just as busy as aimed at, for one that tells nothing."""
        return self.target if self.requests is None else self.requests[pod] * max(100, self.target) // 100


class Found(NamedTuple):
    """The replicas, and what `status.currentMetrics` shows of the use: percent of the requests, thousandths a pod."""

    replicas: int
    percent: int | None
    average: int


class Groups(NamedTuple):
    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def replicas(
    current: int, pods: Iterable[Object], samples: Mapping[str, Sample], aim: Aim, now: datetime, *, cpu: bool
) -> Found:
    """Of a resource, or any number that every pod has."""
    pods = list(pods)
    if not pods:
        raise UnmeasuredError("no pods returned by selector while calculating replica count")
    groups = group(pods, samples, now, cpu=cpu)
    values = {name: sample.value for name, sample in samples.items() if name not in groups.ignored | groups.unready}
    if not values:
        raise UnmeasuredError("did not receive metrics for targeted pods (pods might be unready)")
    ratio, percent, average = _ratio(values, aim)
    with_unready = bool(groups.unready) and ratio > 1
    if not with_unready and not groups.missing:
        count = current if aim.met(ratio) else math.ceil(ratio * groups.ready)
        return Found(count, percent, average)
    if ratio != 1:
        values |= {name: aim.full(name) if ratio < 1 else 0 for name in groups.missing}
    if with_unready:
        values |= dict.fromkeys(groups.unready, 0)
    return Found(_cautious(current, ratio, _ratio(values, aim)[0], len(values), aim), percent, average)


def _cautious(current: int, ratio: float, with_guesses: float, pods: int, aim: Aim) -> int:
    """Guesses may weaken what was measured, not turn it round."""
    turned = (ratio < 1 < with_guesses) or (with_guesses < 1 < ratio)
    if aim.met(with_guesses) or turned:
        return current
    count = math.ceil(with_guesses * pods)
    against = (with_guesses < 1 and count > current) or (with_guesses > 1 and count < current)
    return current if against else count


def _ratio(values: Mapping[str, int], aim: Aim) -> tuple[float, int | None, int]:
    total = sum(values.values())
    average = total // len(values)
    if aim.requests is None:
        return average / aim.target, None, average
    requested = sum(aim.requests[name] for name in values)
    if not requested:
        raise UnmeasuredError("no metrics returned matched known pods")
    percent = total * 100 // requested
    return percent / aim.target, percent, average


def group(pods: Iterable[Object], samples: Mapping[str, Sample], now: datetime, *, cpu: bool) -> Groups:
    ready, unready, missing, ignored = 0, set(), set(), set()
    for pod in pods:
        name, phase = pod["metadata"]["name"], (pod.get("status") or {}).get("phase")
        sample = samples.get(name)
        if is_deleting(pod) or phase == "Failed":
            ignored.add(name)
        elif phase == "Pending":
            unready.add(name)
        elif sample is None:
            missing.add(name)
        elif cpu and _is_starting(pod, sample, now):
            unready.add(name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _is_starting(pod: Object, sample: Sample, now: datetime) -> bool:
    """Whether what was measured is the work of the start and not of the service."""
    told, started = condition(pod, "Ready"), pod["status"].get("startTime")
    if told is None or not started:
        return True
    since, begun = times.parse(told["lastTransitionTime"]), times.parse(started)
    not_ready = told["status"] == "False"
    if (now - begun).total_seconds() < STARTING:
        return not_ready or (sample.when - since).total_seconds() < sample.window
    return not_ready and (since - begun).total_seconds() < FIRST_READY


def requests_of(pods: Iterable[Object], resource: str, container: str = "") -> dict[str, int]:
    """Thousandths that each pod asks for, of one container or of all."""
    found = {}
    for pod in pods:
        spec, name = pod["spec"], pod["metadata"]["name"]
        sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
        total = 0
        for one in (*spec["containers"], *sidecars):
            if container in ("", one["name"]):
                asked = ((one.get("resources") or {}).get("requests") or {}).get(resource)
                if asked is None:
                    raise UnmeasuredError(f"missing request for {resource} in container {one['name']} of Pod {name}")
                total += quantities.milli_value(asked)
        found[name] = total
    return found


def of_one_number(current: int, ready: int, value: int, target: int, aim: Aim, *, each: bool) -> int:
    """Of a number about something else than the pods: `each`, the target is a pod's share of it."""
    if each:
        return current if current and aim.met(value / (target * current)) else math.ceil(value / target)
    ratio = value / target
    return current if aim.met(ratio) else math.ceil(ratio * ready)
