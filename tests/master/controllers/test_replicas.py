"""ReplicaSets: how many to make, whom to delete, what to say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.controllers.replicas import FLAVOURS, deletion_order, plan, status

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
REPLICA_SET, CONTROLLER = FLAVOURS


def owner(replicas: int, **parts) -> dict:
    spec = {"replicas": replicas, "template": {"metadata": {"labels": {"app": "x"}}}, **parts}
    return {"metadata": {"name": "o", "namespace": "ns", "uid": "o", "generation": 2}, "spec": spec}


@pytest.mark.parametrize(
    ("wanted", "phases", "create", "delete"),
    [
        (3, [], 3, 0),
        (3, ["Running"] * 3, 0, 0),
        (1, ["Running"] * 3, 0, 2),
        (2, ["Running", "Failed"], 1, 0),
        (2, ["Succeeded", "Pending"], 1, 0),
        (1000, [], 500, 0),
        (0, ["Running"], 0, 1),
    ],
    ids=["none", "enough", "too-many", "failed", "succeeded", "burst", "zero"],
)
def test_the_number(pod, wanted, phases, create, delete):
    pods = [pod(f"p{number}", phase) for number, phase in enumerate(phases)]
    todo = plan(owner(wanted), pods)
    assert (todo.create, len(todo.delete)) == (create, delete)


def test_one_on_its_way_out_counts_no_more(pod):
    leaving = pod("a", deletionTimestamp="2026-01-01T00:00:00Z")
    assert plan(owner(1), [leaving]).create == 1


def test_an_owner_on_its_way_out_does_nothing(pod):
    leaving = owner(3)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert plan(leaving, [pod("a")]) == plan(leaving, []) == (0, ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"node": ""}, {}),
        ({"phase": "Pending"}, {"phase": "Running"}),
        ({"ready": False}, {}),
        ({"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}, {}),
        ({"since": "2026-01-01T00:00:09Z"}, {"since": "2026-01-01T00:00:01Z"}),
    ],
    ids=["not-placed", "not-running", "not-ready", "cheap", "young"],
)
def test_who_goes_first(pod, first, second):
    going, staying = pod("going", **first), pod("staying", **second)
    assert deletion_order([staying, going]) == deletion_order([going, staying]) == [going, staying]


def test_crowded_nodes_lose_first(pod):
    pods = [pod("a", node="n1"), pod("b", node="n1"), pod("c", node="n2")]
    assert deletion_order(pods)[-1]["metadata"]["name"] == "c"


def test_status_counts(pod):
    pods = [pod("a"), pod("b", ready=False), pod("c", "Failed"), pod("d", deletionTimestamp="2026-01-01T00:00:00Z")]
    counted, again = status(owner(2), REPLICA_SET, pods, "", NOW)
    assert counted == {
        "replicas": 2,
        "fullyLabeledReplicas": 2,
        "readyReplicas": 1,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 2,
    }
    assert again is None
    assert "terminatingReplicas" not in status(owner(2), CONTROLLER, pods, "", NOW)[0]


def test_ready_for_too_short_is_not_available(pod):
    counted, again = status(owner(1, minReadySeconds=90), REPLICA_SET, [pod("a")], "", NOW)
    assert counted["readyReplicas"] == 1
    assert "availableReplicas" not in counted
    assert again == 30


def test_a_refused_pod_is_a_condition(pod):
    counted, _ = status(owner(1), REPLICA_SET, [], "quota exceeded", NOW)
    assert counted["conditions"][0]["reason"] == "FailedCreate"


@given(st.integers(0, 8), st.lists(st.sampled_from(["Pending", "Running", "Failed", "Succeeded"]), max_size=12))
def test_doing_what_the_plan_says_leaves_nothing_to_do(wanted, phases):
    def make(name: str, phase: str) -> dict:
        meta = {"name": name, "namespace": "ns", "uid": name, "labels": {"app": "x"}}
        return {"metadata": meta, "spec": {}, "status": {"phase": phase}}

    pods = [make(f"p{number}", phase) for number, phase in enumerate(phases)]
    todo = plan(owner(wanted), pods)
    gone = [item["metadata"]["name"] for item in todo.delete]
    after = [item for item in pods if item["metadata"]["name"] not in gone]
    after += [make(f"n{number}", "Pending") for number in range(todo.create)]
    again = plan(owner(wanted), after)
    assert (again.create, again.delete) == (0, ())
