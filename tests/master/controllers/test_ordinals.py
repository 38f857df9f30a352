"""StatefulSets: who is next, up, down and through an update."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.controllers.ordinals import Revision, claim_owners, claims_of, new_pod, plan, status
from master.controllers.revisions import HASH_LABEL

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
SAME, MOVING = Revision("r1", "r1"), Revision("r1", "r2")


def owner(replicas: int = 3, **spec) -> dict:
    return {
        "metadata": {"name": "db", "namespace": "ns", "uid": "u", "generation": 1},
        "spec": {"replicas": replicas, "serviceName": "db", "template": {"spec": {}}, **spec},
    }


def member(pod, ordinal: int, revision: str = "r1", **parts) -> dict:
    return pod(f"db-{ordinal}", labels={HASH_LABEL: revision}, **parts)


def names(pods) -> list[str]:
    return [item["metadata"]["name"] for item in pods]


def test_ordered_goes_up_one_by_one(pod):
    assert plan(owner(), [], SAME, NOW).create == ((0, "r1"),)
    assert plan(owner(), [member(pod, 0, ready=False)], SAME, NOW).create == ()
    assert plan(owner(), [member(pod, 0)], SAME, NOW).create == ((1, "r1"),)


def test_parallel_waits_for_nobody(pod):
    together = owner(podManagementPolicy="Parallel")
    assert [number for number, _ in plan(together, [], SAME, NOW).create] == [0, 1, 2]


def test_down_goes_from_the_top(pod):
    members = [member(pod, number) for number in range(3)]
    todo = plan(owner(1), members, SAME, NOW)
    assert names(todo.delete) == ["db-2"]
    leaving = member(pod, 2, deletionTimestamp="2026-01-01T00:00:00Z")
    assert plan(owner(1), [*members[:2], leaving], SAME, NOW).delete == ()


@pytest.mark.parametrize(
    ("ready", "policy", "deleted"),
    [
        ([1, 1, 0], "OrderedReady", ["db-2"]),
        ([0, 1, 1], "OrderedReady", ["db-2"]),
        ([0, 1, 0], "OrderedReady", []),
        ([0, 0, 0], "OrderedReady", []),
        ([0, 0, 0], "Parallel", ["db-2", "db-1", "db-0"]),
    ],
)
def test_on_the_way_down_what_is_broken_waits_for_what_is_broken_below_it(pod, ready, policy, deleted):
    members = [member(pod, number, ready=bool(works)) for number, works in enumerate(ready)]
    assert names(plan(owner(0, podManagementPolicy=policy), members, SAME, NOW).delete) == deleted


def test_conditions_of_others_stay_in_the_status():
    kept = {"conditions": [{"type": "Theirs", "status": "True"}]}
    assert status({**owner(0), "status": kept}, [], SAME, NOW)[0].items() >= kept.items()


def test_a_failed_member_is_replaced(pod):
    assert names(plan(owner(1), [member(pod, 0, phase="Failed")], SAME, NOW).delete) == ["db-0"]


@pytest.mark.parametrize(
    ("revisions", "ready", "spec", "deleted"),
    [
        (["r1", "r1", "r1"], [1, 1, 1], {}, ["db-2"]),
        (["r1", "r1", "r2"], [1, 1, 1], {}, ["db-1"]),
        (["r2", "r2", "r2"], [1, 1, 1], {}, []),
        (["r1", "r1", "r1"], [1, 1, 1], {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}, ["db-2", "db-1"]),
        (
            ["r1", "r1", "r2"],
            [1, 1, 1],
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}},
            ["db-1", "db-0"],
        ),
        (["r1", "r1", "r1"], [1, 1, 1], {"updateStrategy": {"type": "OnDelete"}}, []),
        (["r1", "r1", "r2"], [1, 1, 1], {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, []),
        (["r1", "r1", "r1"], [1, 1, 1], {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, ["db-2"]),
    ],
    ids=["from-the-top", "next", "done", "two-at-a-time", "half", "on-delete", "partition-done", "partition"],
)
def test_an_update(pod, revisions, ready, spec, deleted):
    members = [
        member(pod, number, revision, ready=bool(works))
        for number, (revision, works) in enumerate(zip(revisions, ready, strict=True))
    ]
    assert names(plan(owner(**spec), members, MOVING, NOW).delete) == deleted


def test_one_lost_in_an_update_comes_back_with_its_own_revision(pod):
    members = [member(pod, 1), member(pod, 2, "r2")]
    assert plan(owner(), members, MOVING, NOW).create == ((0, "r1"),)
    assert plan(owner(), [member(pod, 0), member(pod, 2, "r2")], MOVING, NOW).create == ((1, "r2"),)


def test_names_claims_and_index(pod):
    template = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    subject = owner(volumeClaimTemplates=[template], selector={"matchLabels": {"app": "x"}})
    made = new_pod(subject, {"metadata": {"labels": {"app": "x"}}, "spec": {}}, 1, "r1")
    assert made["metadata"]["name"] == "db-1"
    assert made["metadata"]["labels"] == {
        "app": "x",
        HASH_LABEL: "r1",
        "statefulset.kubernetes.io/pod-name": "db-1",
        "apps.kubernetes.io/pod-index": "1",
    }
    assert (made["spec"]["hostname"], made["spec"]["subdomain"]) == ("db-1", "db")
    assert made["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}]
    (claim,) = claims_of(subject, "db-1")
    assert (claim["metadata"]["name"], claim["metadata"]["labels"]) == ("data-db-1", {"app": "x"})


def test_a_finished_update_becomes_the_current(pod):
    counted, _ = status(owner(2), [member(pod, 0, "r2"), member(pod, 1, "r2")], MOVING, NOW)
    assert (counted["currentRevision"], counted["currentReplicas"], counted["updatedReplicas"]) == ("r2", 2, 2)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.booleans())
def test_from_any_size_to_any_size_and_revision(before, after, ordered, updates):
    """Step by step it arrives, and in order never two are missing below one that is there."""
    policy = "OrderedReady" if ordered else "Parallel"
    subject = owner(after, podManagementPolicy=policy)
    revision = MOVING if updates else SAME

    def made(number: int, name: str) -> dict:
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        meta = {"name": f"db-{number}", "namespace": "ns", "labels": {HASH_LABEL: name}}
        return {"metadata": meta, "spec": {}, "status": {"phase": "Running", "conditions": [ready]}}

    members = {f"db-{number}": made(number, "r1") for number in range(before)}
    for _ in range(60):
        todo = plan(subject, list(members.values()), revision, NOW)
        if ordered:
            assert len(todo.create) + len(todo.delete) <= 1
        if not todo.create and not todo.delete:
            break
        for gone in todo.delete:
            del members[gone["metadata"]["name"]]
        for number, name in todo.create:
            members[f"db-{number}"] = made(number, name)
    assert sorted(members) == [f"db-{number}" for number in range(after)]
    assert {item["metadata"]["labels"][HASH_LABEL] for item in members.values()} <= {revision.update}


@pytest.mark.parametrize(
    ("deleted", "scaled", "condemned", "expected"),
    [
        ("Retain", "Retain", True, ["Other"]),
        ("Delete", "Retain", True, ["Other", "StatefulSet"]),
        ("Delete", "Delete", False, ["Other", "StatefulSet"]),
        ("Delete", "Delete", True, ["Other", "Pod"]),
        ("Retain", "Delete", False, ["Other"]),
        ("Retain", "Delete", True, ["Other", "Pod"]),
    ],
)
def test_whom_a_claim_goes_with(pod, deleted, scaled, condemned, expected):
    subject = owner(persistentVolumeClaimRetentionPolicy={"whenDeleted": deleted, "whenScaled": scaled})
    refs = [{"kind": "Other", "uid": "o"}, {"kind": "StatefulSet", "uid": "u"}]
    found = claim_owners(subject, {"metadata": {"ownerReferences": refs}}, member(pod, 0), condemned=condemned)
    assert [item["kind"] for item in found] == expected
