"""Nodes that fall silent, pods that leave them, ranges they get, pods nobody ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from master.controllers import evictions, ipam, nodelife, podgc

NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
THEN = "2026-01-01T00:00:00Z"
UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"


def node(ready: str = "True", name: str = "n", **spec) -> dict:
    conditions = [{"type": "Ready", "status": ready, "reason": "R", "lastTransitionTime": THEN}]
    return {"metadata": {"name": name, "uid": name}, "spec": spec, "status": {"conditions": conditions}}


def test_a_node_that_speaks_is_left_alone():
    assert nodelife.plan(node(), 39, 40, NOW) == nodelife.Plan()


def test_silence_makes_every_condition_unknown_once():
    todo = nodelife.plan(node(), 41, 40, NOW)
    assert [(item["type"], item["status"], item["reason"]) for item in todo.conditions] == [
        ("Ready", "Unknown", "NodeStatusUnknown"),
        ("MemoryPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("DiskPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("PIDPressure", "Unknown", "NodeStatusNeverUpdated"),
    ]
    assert [(taint["key"], taint["effect"]) for taint in todo.taints] == [
        (UNREACHABLE, "NoSchedule"),
        (UNREACHABLE, "NoExecute"),
    ]
    silent = node(taints=todo.taints)
    silent["status"]["conditions"] = todo.conditions
    assert nodelife.plan(silent, 60, 40, NOW) == nodelife.Plan()


@pytest.mark.parametrize(
    ("subject", "keys"),
    [
        (node("False"), [(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]),
        (node("True", taints=[{"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": THEN}]), []),
        (node(unschedulable=True), [("node.kubernetes.io/unschedulable", "NoSchedule")]),
        (node(taints=[{"key": "mine", "effect": "NoSchedule"}]), None),
    ],
    ids=["not-ready", "back", "cordoned", "others-stay"],
)
def test_taints_follow_conditions(subject, keys):
    taints = nodelife.plan(subject, 0, 40, NOW).taints
    assert (taints if keys is None else [(taint["key"], taint["effect"]) for taint in taints]) == keys


def test_a_node_that_has_not_spoken_yet_gets_no_pods_and_loses_none():
    new = {"metadata": {"name": "n"}, "spec": {}, "status": {}}
    taints = nodelife.plan(new, 0, 40, NOW).taints
    assert [(taint["key"], taint["effect"]) for taint in taints] == [(NOT_READY, "NoSchedule")]


def test_pressure_is_a_taint():
    subject = node()
    subject["status"]["conditions"].append({"type": "MemoryPressure", "status": "True"})
    taints = nodelife.plan(subject, 0, 40, NOW).taints
    assert taints == [{"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}]


LOST = [{"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": THEN}]


def tolerating(seconds: int | None, key: str = UNREACHABLE) -> dict:
    toleration = {"key": key, "operator": "Exists", "effect": "NoExecute"}
    bound = {"tolerationSeconds": seconds} if seconds is not None else {}
    return {"tolerations": [{**toleration, **bound}]}


@pytest.mark.parametrize(
    ("spec", "taints", "left"),
    [
        ({}, LOST, 0),
        (tolerating(600), LOST, 300),
        (tolerating(60), LOST, 0),
        (tolerating(None), LOST, None),
        (tolerating(600, "other"), LOST, 0),
        ({}, [{"key": "k", "effect": "NoSchedule"}], None),
        ({}, [], None),
    ],
    ids=["says-nothing", "some-time-left", "run-out", "for-ever", "other-taint", "no-execute-only", "none"],
)
def test_how_long_a_pod_may_stay(pod, spec, taints, left):
    assert evictions.plan(pod("p", spec=spec), taints, NOW) == left


def test_a_pod_that_comes_to_a_tainted_node_stays_as_long_as_it_tolerates(pod):
    late = pod("p", spec=tolerating(60))
    late["status"]["startTime"] = "2026-01-01T00:04:30Z"
    assert evictions.plan(late, LOST, NOW) == 30
    late["status"]["startTime"] = "2026-01-01T08:00:00Z"
    assert evictions.plan(late, LOST, NOW) == 60, "a node whose clock is ahead keeps it no longer"


def test_ranges_are_the_lowest_free_ones():
    nodes = [node(name="a", podCIDR="10.42.1.0/24"), node(name="b"), node(name="c")]
    assert ipam.plan(nodes, "10.42.0.0/16", 24) == {"b": "10.42.0.0/24", "c": "10.42.2.0/24"}


def test_a_used_up_range_says_so():
    nodes = [node(name="a", podCIDR="10.42.0.0/24"), node(name="b", podCIDR="10.42.1.0/24"), node(name="c")]
    assert ipam.plan(nodes, "10.42.0.0/23", 24) == {"c": None}


def test_a_range_of_another_size_blocks_what_it_covers():
    nodes = [node(name="a", podCIDR="10.42.0.0/23"), node(name="b")]
    assert ipam.plan(nodes, "10.42.0.0/16", 24) == {"b": "10.42.2.0/24"}


def test_pods_that_nobody_ends(pod):
    pods = [
        pod("fine"),
        pod("on-lost-node", node="gone"),
        pod("on-new-node", node="unseen"),
        pod("never-placed", node="", deletionTimestamp=THEN),
        pod("waits", node=""),
    ]
    doomed = podgc.plan(pods, {"n"}, {"gone"})
    assert [item["metadata"]["name"] for item in doomed] == ["on-lost-node", "never-placed"]


def test_a_pod_of_a_node_that_went_was_disrupted(pod):
    (target,) = podgc.failed(pod("p", generation=3))["conditions"]
    assert (target["type"], target["reason"]) == ("DisruptionTarget", "DeletionByPodGC")
    assert (target["message"], target["observedGeneration"]) == ("PodGC: node no longer exists", 3)
    assert podgc.failed(pod("never-placed", node="")) == {"phase": "Failed"}


def test_the_oldest_ended_pods_go(pod):
    pods = [pod(f"e{age}", "Succeeded", creationTimestamp=f"2026-01-0{age}T00:00:00Z") for age in (3, 1, 2)]
    assert [item["metadata"]["name"] for item in podgc.plan(pods, {"n"}, set(), kept=1)] == ["e1", "e2"]
