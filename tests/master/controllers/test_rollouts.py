"""Rolling from one ReplicaSet to the next: sizes, bounds, revisions."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.controllers import deployments, rollouts


def rolling(surge, unavailable) -> dict:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (2, "25%", "25%", (1, 0)),
        (1, "25%", "25%", (1, 0)),
        (10, 0, "0%", (0, 1)),
        (4, 1, 2, (1, 2)),
        (3, "100%", 0, (3, 0)),
    ],
)
def test_bounds(deployment, replicas, surge, unavailable, expected):
    assert rollouts.bounds(deployment(replicas, strategy=rolling(surge, unavailable))) == expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ((0, 0), (4, 4), {"new": 1}),
        ((1, 0), (4, 4), {}),
        ((1, 1), (4, 4), {"old": 3}),
        ((2, 2), (3, 3), {"old": 2}),
        ((1, 1), (4, 2), {"old": 3}),
        ((4, 4), (1, 1), {"old": 0}),
        ((4, 4), (0, 0), {}),
        ((5, 5), (0, 0), {"new": 4}),
    ],
    ids=["start", "waits", "swap", "swap-on", "broken-first", "last", "done", "shrink"],
)
def test_steps_of_a_rollout_with_one_extra(deployment, replica_set, new, old, expected):
    marks = {rollouts.DESIRED: "4", rollouts.MAXIMUM: "5"}
    newest = replica_set("new", *new, age="1", **marks)
    oldest = replica_set("old", *old, **marks)
    wanted = deployment(4, strategy=rolling(1, 0))
    assert rollouts.next_scale(wanted, newest, [oldest]) == expected


def test_recreate_first_empties_then_waits_then_fills(deployment, replica_set):
    wanted = deployment(3, strategy={"type": "Recreate"})
    new, old = replica_set("new", 0, age="1"), replica_set("old", 3)
    assert rollouts.next_scale(wanted, new, [old]) == {"old": 0}
    empty = replica_set("old", 0)
    assert rollouts.next_scale(wanted, new, [empty], old_runs=True) == {}
    assert rollouts.next_scale(wanted, new, [empty]) == {"new": 3}


def test_a_change_of_replicas_in_the_middle_keeps_the_shares(deployment, replica_set):
    marks = {rollouts.DESIRED: "10", rollouts.MAXIMUM: "13"}
    new, old = replica_set("new", 5, age="1", **marks), replica_set("old", 8, **marks)
    sizes = rollouts.next_scale(deployment(20), new, [old])
    assert sizes == {"old": 15, "new": 10}


def test_a_paused_deployment_scales_but_does_not_roll(deployment, replica_set):
    marks = {rollouts.DESIRED: "4", rollouts.MAXIMUM: "5"}
    new, old = replica_set("new", 0, age="1", **marks), replica_set("old", 4, **marks)
    assert rollouts.next_scale(deployment(4, paused=True), new, [old]) == {}
    assert rollouts.next_scale(deployment(6, paused=True), new, [old]) == {"old": 6}


def test_the_new_set_is_the_one_with_the_present_template(deployment, replica_set):
    new, old = replica_set("new", 1), replica_set("old", 1)
    new["spec"]["template"]["metadata"]["labels"][rollouts.HASH_LABEL] = "abc"
    assert rollouts.find_new(deployment(), [old, new]) is new


def test_a_hash_has_no_vowels_and_differs_by_collision(deployment):
    template = deployment()["spec"]["template"]
    first = rollouts.template_hash(template)
    assert set(first) <= set(rollouts.SAFE_LETTERS)
    assert first == rollouts.template_hash(copy.deepcopy(template)) != rollouts.template_hash(template, 1)


def test_a_new_set_has_the_hash_everywhere(deployment):
    made = deployments.new_set(deployment(3), [])
    mark = made["metadata"]["labels"][rollouts.HASH_LABEL]
    assert made["metadata"]["name"] == f"web-{mark}"
    assert made["spec"]["selector"]["matchLabels"] == {"app": "x", rollouts.HASH_LABEL: mark}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "x", rollouts.HASH_LABEL: mark}
    assert made["metadata"]["annotations"] == {
        rollouts.REVISION: "1",
        rollouts.DESIRED: "3",
        rollouts.MAXIMUM: "4",
    }


def test_going_back_makes_an_old_revision_the_newest(deployment, replica_set):
    back = replica_set("new", 0, **{rollouts.REVISION: "1"})
    other = replica_set("old", 3, **{rollouts.REVISION: "2"})
    annotations = deployments.revised(deployment(), back, [other])
    assert (annotations[rollouts.REVISION], annotations[rollouts.HISTORY]) == ("3", "1")


def test_history_keeps_the_newest(deployment, replica_set):
    old = [replica_set(f"s{number}", 0, **{rollouts.REVISION: str(number)}) for number in range(5)]
    for item in old:
        item["status"] = {"replicas": 0}
    expired = deployments.expired(deployment(revisionHistoryLimit=2), old)
    assert [item["metadata"]["name"] for item in expired] == ["s0", "s1", "s2"]


SHARES = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "25%", "50%", "100%"]))


@settings(deadline=None)
@given(st.integers(0, 9), SHARES, SHARES, st.integers(0, 9), st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_rollout_ends_and_never_leaves_its_bounds(replicas, surge, unavailable, start, working, rng):
    """Pods become available in any order; from any beginning the new template has it all in the end."""
    wanted = {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "strategy": rolling(surge, unavailable), "template": {}},
    }
    limits = rollouts.bounds(wanted)
    marks = {rollouts.DESIRED: str(replicas), rollouts.MAXIMUM: str(replicas + limits.surge)}

    def made(name: str, size: int, available: int) -> dict:
        meta = {"name": name, "uid": name, "annotations": dict(marks), "creationTimestamp": name}
        return {"metadata": meta, "spec": {"replicas": size}, "status": {"availableReplicas": min(available, size)}}

    old, new = made("a", start, working), made("b", 0, 0)
    for _ in range(200):
        floor = min(replicas - limits.unavailable, rollouts.available_of(old) + rollouts.available_of(new))
        before = rollouts.replicas_of(old) + rollouts.replicas_of(new)
        sizes = rollouts.next_scale(wanted, new, [old])
        for item in (old, new):
            size = sizes.get(item["metadata"]["name"], rollouts.replicas_of(item))
            broken = rollouts.replicas_of(item) - rollouts.available_of(item)
            lost = max(0, rollouts.replicas_of(item) - size - broken)
            item["status"]["availableReplicas"] = rollouts.available_of(item) - lost
            item["spec"]["replicas"] = size
        total = rollouts.replicas_of(old) + rollouts.replicas_of(new)
        available = rollouts.available_of(old) + rollouts.available_of(new)
        assert total <= max(before, replicas + limits.surge)
        assert available >= floor
        if not sizes:
            growing = [item for item in (old, new) if rollouts.available_of(item) < rollouts.replicas_of(item)]
            if not growing:
                break
            rng.choice(growing)["status"]["availableReplicas"] += 1
    assert (rollouts.replicas_of(old), rollouts.replicas_of(new)) == (0, replicas)
