"""The decision as a whole: ranking, fairness, determinism, and the promise never to overcommit."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.scheduler.cluster import Cluster
from master.scheduler.decisions import Placement
from master.scheduler.filters import refusal
from master.scheduler.nodes import Load, read_load, read_node
from master.scheduler.pods import read_pod
from master.scheduler.scheduling import Scheduler, schedule
from master.scheduler.scores import score


def test_the_emptier_node_wins(scene):
    scene.node("busy")
    scene.node("idle")
    scene.runs("busy", "a", {"cpu": "2", "memory": "4Gi"})
    assert scene.decide().node == "idle"


def test_replicas_spread_before_they_pile_up(scene):
    for name in ("a", "b", "c"):
        scene.node(name)
    nodes = []
    for number in range(6):
        pod = scene.pod(f"r{number}", {"cpu": "100m"}, owner="rs")
        node = scene.scheduler.schedule(pod).node
        scene.cluster.place(replace(pod, node=node))
        nodes.append(node)
    assert sorted(nodes) == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.parametrize(
    ("annotation", "load"),
    [
        ('{"cpu": 0.52, "memory": 0.31}', Load(0.5, 0.3)),
        ('{"cpu": 7, "memory": -1, "throttled": true}', Load(1.0, 0.0, True)),
        ('{"cpu": "hot"}', Load()),
        ("[1]", Load()),
        ("{", Load()),
        (None, Load()),
    ],
)
def test_load_is_a_claim_read_with_care(annotation, load):
    assert read_load(annotation) == load


def test_the_hot_node_comes_last(scene):
    scene.heartbeat("hot", '{"cpu": 0.9, "memory": 0.2}')
    scene.node("hot")
    scene.node("cool")
    scene.heartbeat("cool", '{"cpu": 0.1, "memory": 0.2}')
    assert scene.decide().node == "cool"


def test_a_node_that_cools_down_is_liked_again(scene):
    scene.node("hot")
    scene.node("cool")
    scene.heartbeat("hot", '{"cpu": 0.9}')
    scene.heartbeat("cool", '{"cpu": 0.5}')
    assert scene.decide().node == "cool"
    scene.heartbeat("hot", '{"cpu": 0.1}')
    assert scene.decide().node == "hot"


def test_preferred_affinity_and_soft_taints_rank(scene):
    scene.node("plain")
    scene.node("liked", labels={"disk": "ssd"})
    scene.node("disliked", labels={"disk": "ssd"}, taints=[{"key": "k", "effect": "PreferNoSchedule"}])
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    preferred = [{"weight": 1, "preference": preference}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    assert scene.decide(affinity=affinity).node == "liked"


def test_a_shape_seen_once_in_a_large_cluster_is_sampled_and_still_fits(scene):
    for number in range(300):
        scene.node(f"n{number}", cpu="1" if number else "8")
    assert isinstance(scene.decide({"cpu": "500m"}), Placement)
    assert scene.decide({"cpu": "4"}).node == "n0"


def test_a_node_that_left_is_not_chosen(scene):
    scene.node("a")
    scene.node("b")
    scene.runs("a", "x", {"cpu": "3"})
    assert scene.decide().node == "b"
    scene.cluster.remove_node("b")
    assert scene.decide().node == "a"


def test_a_placed_pod_that_changes_in_name_only_touches_no_node(scene):
    scene.node("a")
    scene.runs("a", "x", {"cpu": "1"})
    before = scene.cluster.version
    scene.cluster.place(replace(scene.cluster.pods["a"]["ns", "x"], started="2026-01-01T00:00:00Z"))
    assert scene.cluster.version == before
    assert scene.cluster.placed(("ns", "x")).started == "2026-01-01T00:00:00Z"
    scene.runs("a", "x", {"cpu": "2"})
    assert scene.cluster.nodes["a"].requested == {"cpu": 2000}


AMOUNT = st.integers(0, 6)
NODES = st.lists(st.tuples(AMOUNT, AMOUNT, st.integers(0, 4)), min_size=1, max_size=6)
PODS = st.lists(st.tuples(AMOUNT, AMOUNT, st.sampled_from(["", "rs-a", "rs-b"]), st.booleans()), max_size=25)


def build(nodes) -> Cluster:
    cluster = Cluster()
    for number, (cpu, memory, pods) in enumerate(nodes):
        allocatable = {"cpu": str(cpu), "memory": f"{memory}Gi", "pods": str(pods)}
        cluster.set_node(read_node({"metadata": {"name": f"n{number}"}, "status": {"allocatable": allocatable}}))
    return cluster


def pod_of(number: int, cpu: int, memory: int, owner: str):
    meta = {"name": f"p{number}", "namespace": "ns", "uid": str(number)}
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "controller": True}]
    requests = {"cpu": str(cpu), "memory": f"{memory}Gi"}
    return read_pod({"metadata": meta, "spec": {"containers": [{"resources": {"requests": requests}}]}})


def play(nodes, pods, seed: int) -> tuple[Cluster, list[str | None]]:
    """Schedule pod after pod; every other placed pod whose flag is set leaves again."""
    cluster = build(nodes)
    scheduler = Scheduler(cluster, random.Random(seed))
    placed: list[str | None] = []
    for number, (cpu, memory, owner, leaves) in enumerate(pods):
        pod = pod_of(number, cpu, memory, owner)
        decision = scheduler.schedule(pod)
        placed.append(decision.node if isinstance(decision, Placement) else None)
        if isinstance(decision, Placement):
            cluster.place(replace(pod, node=decision.node))
            if leaves:
                cluster.remove_pod(pod.key)
    return cluster, placed


@settings(max_examples=60, deadline=None)
@given(NODES, PODS)
def test_never_overcommits(nodes, pods):
    cluster, _ = play(nodes, pods, 1)
    for info in cluster.nodes.values():
        assert info.count <= info.node.allocatable["pods"]
        assert all(info.requested.get(name, 0) <= info.node.allocatable[name] for name in ("cpu", "memory"))


@settings(max_examples=30, deadline=None)
@given(NODES, PODS, st.integers(0, 5))
def test_a_seed_fixes_every_decision(nodes, pods, seed):
    assert play(nodes, pods, seed)[1] == play(nodes, pods, seed)[1]


@settings(max_examples=60, deadline=None)
@given(NODES, PODS, AMOUNT, AMOUNT)
def test_remembering_agrees_with_judging_every_node(nodes, pods, cpu, memory):
    """The best score, or the same refusal: whatever was remembered from the pods before."""
    cluster, _ = play(nodes, pods, 1)
    scheduler = Scheduler(cluster, random.Random(1))
    for number, (pod_cpu, pod_memory, owner, _) in enumerate(pods):
        scheduler.schedule(pod_of(1000 + number, pod_cpu, pod_memory, owner))
    pod = pod_of(9999, cpu, memory, "")
    remembered, fresh = scheduler.schedule(pod), schedule(pod, cluster, random.Random(2))
    fitting = [score(pod.shape, info) for info in cluster.nodes.values() if refusal(pod.shape, info) is None]
    if fitting:
        assert remembered.score == fresh.score == max(fitting)
    else:
        assert remembered == fresh
