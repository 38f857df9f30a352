"""How many replicas the use asks for: what is measured, what is guessed, what is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from master.controllers import usages
from master.controllers.usages import Aim, Sample, UnmeasuredError

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
AIM = Aim(50, dict.fromkeys("abc", 1000))
"""Half of what each pod asked for, which is one processor."""


def pods(make, **states: str) -> list[dict]:
    """Name → `ready`, `unready`, `pending` or `leaving`."""
    made = []
    for name, state in states.items():
        meta = {"deletionTimestamp": "2026-01-01T00:59:00Z"} if state == "leaving" else {}
        pod = make(name, "Pending" if state == "pending" else "Running", state == "ready", **meta)
        pod["status"]["startTime"] = "2026-01-01T00:00:00Z"
        made.append(pod)
    return made


def use(**values: int) -> dict[str, Sample]:
    return {name: Sample(value, NOW, 15) for name, value in values.items()}


@pytest.mark.parametrize(
    ("states", "used", "expected"),
    [
        ({"a": "ready", "b": "ready"}, {"a": 500, "b": 500}, 2),
        ({"a": "ready", "b": "ready"}, {"a": 540, "b": 540}, 2),
        ({"a": "ready", "b": "ready"}, {"a": 1000, "b": 1000}, 4),
        ({"a": "ready", "b": "ready"}, {"a": 100, "b": 100}, 1),
        ({"a": "ready", "b": "pending"}, {"a": 900}, 2),
        ({"a": "ready", "b": "ready"}, {"a": 100}, 2),
        ({"a": "ready", "b": "ready"}, {"a": 1500}, 3),
        ({"a": "ready", "b": "leaving"}, {"a": 1000, "b": 1000}, 2),
    ],
    ids=["as-aimed", "tolerated", "twice", "idle", "starting", "silent-idle", "silent-busy", "leaving"],
)
def test_the_count(pod, states, used, expected):
    found = usages.replicas(len(states), pods(pod, **states), use(**used), AIM, NOW, cpu=True)
    assert found.replicas == expected


def test_numbers_without_requests(pod):
    found = usages.replicas(2, pods(pod, a="ready", b="ready"), use(a=3000, b=5000), Aim(2000), NOW, cpu=False)
    assert found == (4, None, 4000)


def test_a_wider_tolerance(pod):
    aim = Aim(50, {"a": 1000}, grow=0.5)
    assert usages.replicas(1, pods(pod, a="ready"), use(a=700), aim, NOW, cpu=True).replicas == 1


@pytest.mark.parametrize(("states", "used"), [({}, {}), ({"a": "pending"}, {"a": 5})], ids=["no-pods", "none-ready"])
def test_what_cannot_be_told(pod, states, used):
    with pytest.raises(UnmeasuredError):
        usages.replicas(1, pods(pod, **states), use(**used), AIM, NOW, cpu=True)


def test_requests_of_containers_and_sidecars():
    ask = {"resources": {"requests": {"cpu": "100m"}}}
    spec = {"containers": [{"name": "c", **ask}], "initContainers": [{"name": "s", "restartPolicy": "Always", **ask}]}
    assert usages.requests_of([{"metadata": {"name": "a"}, "spec": spec}], "cpu") == {"a": 200}
    assert usages.requests_of([{"metadata": {"name": "a"}, "spec": spec}], "cpu", "c") == {"a": 100}
    with pytest.raises(UnmeasuredError, match="missing request for memory in container c of Pod a"):
        usages.requests_of([{"metadata": {"name": "a"}, "spec": spec}], "memory")


@pytest.mark.parametrize(("each", "value", "expected"), [(False, 6000, 6), (True, 6000, 3), (False, 2100, 2)])
def test_a_number_about_something_else(each, value, expected):
    assert usages.of_one_number(2, 2, value, 2000, Aim(2000), each=each) == expected
