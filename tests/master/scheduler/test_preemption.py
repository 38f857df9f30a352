"""Who goes for a more important pod, from which node, and when nobody does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.scheduler.budgets import read_budget
from master.scheduler.decisions import Placement, Preemption, Unschedulable

WHOLE = {"cpu": "4"}
HALF = {"cpu": "2"}


def victims(decision: Preemption) -> tuple[str, list[str]]:
    assert isinstance(decision, Preemption)
    return decision.node, [pod.key[1] for pod in decision.victims]


def budget(scene, allowed: int, *evicted: str, **labels: str) -> None:
    found = read_budget(
        {
            "metadata": {"name": "budget", "namespace": "ns"},
            "spec": {"selector": {"matchLabels": labels}},
            "status": {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(evicted, "")},
        }
    )
    scene.cluster.budgets[found.key] = found


def test_the_less_important_pod_goes(scene):
    scene.node("a")
    scene.runs("a", "low", WHOLE, priority=1)
    decision = scene.decide(WHOLE, priority=2)
    assert victims(decision) == ("a", ["low"])
    assert decision.message == "0/1 nodes are available: 1 Insufficient cpu."


def test_an_equal_one_stays(scene):
    scene.node("a")
    scene.runs("a", "equal", WHOLE, priority=2)
    assert scene.decide(WHOLE, priority=2).message.endswith(
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_not_more_go_than_must(scene):
    scene.node("a")
    scene.runs("a", "lower", HALF, priority=1)
    scene.runs("a", "low", HALF, priority=2)
    assert victims(scene.decide(HALF, priority=3)) == ("a", ["lower"])


def test_who_does_not_fit_even_then_says_why(scene):
    scene.node("a")
    scene.runs("a", "high", HALF, priority=9)
    scene.runs("a", "low", HALF, priority=1)
    assert scene.decide(WHOLE, priority=3).message.endswith("preemption: 0/1 nodes are available: 1 Insufficient cpu.")


def test_who_wants_to_send_nobody_away_waits(scene):
    scene.node("a")
    scene.runs("a", "low", WHOLE, priority=1)
    decision = scene.decide(WHOLE, priority=2, preemptionPolicy="Never")
    assert isinstance(decision, Unschedulable)
    assert decision.message.endswith(" preemption: not eligible due to preemptionPolicy=Never.")


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"a": [("x", WHOLE, 5)], "b": [("y", WHOLE, 4)]}, "b"),
        ({"a": [("x", HALF, 4), ("y", HALF, 3)], "b": [("z", HALF, 4), ("u", HALF, 2)]}, "b"),
        ({"a": [("x", HALF, 0), ("y", HALF, 0)], "b": [("z", WHOLE, 0)]}, "b"),
    ],
    ids=["lowest highest priority", "smallest sum", "fewest"],
)
def test_the_node_where_least_is_lost(scene, there, chosen):
    for node, pods in there.items():
        scene.node(node)
        for name, requests, priority in pods:
            scene.runs(node, name, requests, priority=priority)
    assert scene.decide(WHOLE, priority=10).node == chosen


def test_among_equals_the_youngest_go(scene):
    for node, started in (("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-02T00:00:00Z")):
        scene.node(node)
        scene.cluster.place(replace(scene.pod(f"on-{node}", WHOLE, node=node), started=started))
    assert scene.decide(WHOLE, priority=1).node == "b"


def test_a_spent_budget_is_broken_last(scene):
    scene.node("a")
    scene.node("b")
    scene.runs("a", "kept", WHOLE, labels={"app": "kept"})
    scene.runs("b", "x", HALF, priority=1)
    scene.runs("b", "y", HALF, priority=1)
    budget(scene, 0, app="kept")
    assert victims(scene.decide(WHOLE, priority=5)) == ("b", ["x", "y"])
    scene.cluster.remove_node("b")
    assert victims(scene.decide(WHOLE, priority=5)) == ("a", ["kept"])


def test_on_one_node_those_without_a_budget_go_first(scene):
    scene.node("a")
    scene.runs("a", "kept", HALF, labels={"app": "kept"})
    scene.runs("a", "free", HALF, priority=3)
    budget(scene, 0, app="kept")
    assert victims(scene.decide(HALF, priority=5)) == ("a", ["free"])


def test_an_eviction_under_way_is_not_counted_twice(scene):
    for node in ("a", "b"):
        scene.node(node)
        scene.runs(node, f"on-{node}", WHOLE, labels={"app": "kept"})
    budget(scene, 0, "on-b", app="kept")
    assert scene.decide(WHOLE, priority=5).node == "b"


def test_what_repels_it_goes_too(scene):
    scene.node("a")
    term = {"labelSelector": {"matchLabels": {"app": "new"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    scene.runs("a", "other", HALF)
    scene.runs("a", "shy", {"cpu": "1"}, affinity=apart)
    assert victims(scene.decide({"cpu": "1"}, priority=1, labels={"app": "new"})) == ("a", ["shy"])


def test_a_promised_place_is_kept_from_equals_and_given_to_its_pod(scene):
    scene.node("a")
    first = scene.pod("first", WHOLE, priority=5)
    scene.cluster.nominations.promise(first, "a")
    assert isinstance(scene.decide(HALF, priority=5), Unschedulable)
    assert isinstance(scene.decide(HALF, priority=6), Placement)
    assert scene.scheduler.schedule(first).node == "a"


def test_who_waits_for_leaving_pods_sends_no_more_away(scene):
    for node in ("a", "b"):
        scene.node(node)
        scene.runs(node, f"on-{node}", WHOLE)
    pod = scene.pod("new", WHOLE, priority=5)
    scene.cluster.nominations.promise(pod, "a")
    scene.cluster.place(replace(scene.cluster.pods["a"]["ns", "on-a"], deleting=True))
    decision = scene.scheduler.schedule(pod)
    assert isinstance(decision, Unschedulable)
    assert decision.keeps_promise
    assert decision.message.endswith("preemption: not eligible due to a terminating pod on the nominated node.")


RUNNING = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.booleans()), max_size=6)


@settings(max_examples=60, deadline=None)
@given(RUNNING, st.integers(1, 4), st.integers(0, 4))
def test_a_trial_leaves_no_trace_and_victims_are_enough(new_scene, running, cpu, priority):
    scene = new_scene()
    scene.node("a", cpu="6")
    for number, (asked, importance, kept) in enumerate(running):
        if sum(row[0] for row in running[: number + 1]) <= 6:
            labels = {"app": "kept"} if kept else {}
            scene.runs("a", f"p{number}", {"cpu": str(asked)}, priority=importance, labels=labels)
    budget(scene, 1, app="kept")
    before = scene.cluster.nodes["a"], dict(scene.cluster.pods.get("a", {})), scene.cluster.version
    decision = scene.decide({"cpu": str(cpu)}, priority=priority)
    assert before == (scene.cluster.nodes["a"], scene.cluster.pods.get("a", {}), scene.cluster.version)
    if isinstance(decision, Preemption):
        assert all(victim.priority < priority for victim in decision.victims)
        for victim in decision.victims:
            assert not isinstance(scene.decide({"cpu": str(cpu)}, priority=priority), Placement)
            scene.cluster.remove_pod(victim.key)
        assert isinstance(scene.decide({"cpu": str(cpu)}, priority=priority), Placement)
