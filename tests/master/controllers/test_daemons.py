"""DaemonSets: which nodes get a pod, and how an update goes round."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from master.controllers.daemons import aimed_at, node_of, plan, status, wants
from master.controllers.revisions import HASH_LABEL

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)


def node(name: str, **spec) -> dict:
    return {"metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": spec}


def daemon_set(template: dict | None = None, **strategy) -> dict:
    spec = {"template": {"metadata": {}, "spec": template or {}}}
    if strategy:
        spec["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": strategy}
    return {"metadata": {"name": "d", "generation": 1}, "spec": spec}


@pytest.mark.parametrize(
    ("template", "spec", "expected"),
    [
        ({}, {}, (True, True)),
        ({"nodeSelector": {"disk": "hdd"}}, {}, (False, False)),
        ({}, {"taints": [{"key": "k", "effect": "NoSchedule"}]}, (False, True)),
        ({}, {"taints": [{"key": "k", "effect": "NoExecute"}]}, (False, False)),
        ({}, {"taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}, (True, True)),
        ({}, {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}, (True, True)),
        ({"tolerations": [{"operator": "Exists"}]}, {"taints": [{"key": "k", "effect": "NoExecute"}]}, (True, True)),
    ],
    ids=["plain", "selector", "stays-only", "driven-out", "cordoned", "not-ready", "tolerates"],
)
def test_where_daemons_run(template, spec, expected):
    assert wants({"spec": template}, node("n", **spec)) == expected


def test_a_waiting_daemon_belongs_to_the_node_it_is_aimed_at(pod):
    assert node_of(pod("p", node="", spec=aimed_at({}, "board-7"))) == "board-7"


def test_missing_and_surplus(pod):
    nodes = [node("a"), node("b"), node("c", taints=[{"key": "k", "effect": "NoExecute"}])]
    pods = [pod("on-a", node="a", labels={HASH_LABEL: "h"}), pod("on-c", node="c", labels={HASH_LABEL: "h"})]
    todo = plan(daemon_set(), nodes, pods, "h", NOW)
    assert (todo.create, [item["metadata"]["name"] for item in todo.delete]) == (("b",), ["on-c"])


def test_an_ended_daemon_is_removed_before_its_node_gets_another(pod):
    ended = pod("e", "Failed", node="a", labels={HASH_LABEL: "h"})
    assert plan(daemon_set(), [node("a")], [ended], "h", NOW).delete == (ended,)
    assert plan(daemon_set(), [node("a")], [ended], "h", NOW).create == ()


@pytest.mark.parametrize(
    ("bounds", "ready", "deleted"),
    [
        ({"maxUnavailable": 1}, [True] * 4, 1),
        ({"maxUnavailable": "50%"}, [True] * 4, 2),
        ({"maxUnavailable": 1}, [True, True, True, False], 1),
        ({"maxUnavailable": 2}, [True, True, True, False], 2),
    ],
    ids=["one", "half", "broken-counts", "broken-and-one"],
)
def test_an_update_keeps_its_bound(pod, bounds, ready, deleted):
    names = ["a", "b", "c", "d"]
    old = [
        pod(name, node=name, ready=works, labels={HASH_LABEL: "old"}) for name, works in zip(names, ready, strict=True)
    ]
    todo = plan(daemon_set(**bounds), [node(name) for name in names], old, "new", NOW)
    assert len(todo.delete) == deleted


def test_surge_starts_the_new_before_the_old_goes(pod):
    old = pod("old", node="a", labels={HASH_LABEL: "old"})
    surging = daemon_set(maxSurge=1, maxUnavailable=0)
    assert plan(surging, [node("a")], [old], "new", NOW).create == ("a",)
    starting = pod("new", node="a", ready=False, labels={HASH_LABEL: "new"})
    assert plan(surging, [node("a")], [old, starting], "new", NOW).delete == ()
    working = pod("new", node="a", labels={HASH_LABEL: "new"})
    assert plan(surging, [node("a")], [old, working], "new", NOW).delete == (old,)


def test_on_delete_leaves_old_ones_alone(pod):
    waits = daemon_set()
    waits["spec"]["updateStrategy"] = {"type": "OnDelete"}
    old = pod("old", node="a", labels={HASH_LABEL: "old"})
    assert plan(waits, [node("a")], [old], "new", NOW).delete == ()


def test_counts(pod):
    pods = [
        pod("a", node="a", labels={HASH_LABEL: "h"}),
        pod("b", node="b", ready=False, labels={HASH_LABEL: "old"}),
        pod("x", node="x", labels={HASH_LABEL: "h"}),
    ]
    nodes = [node("a"), node("b"), node("c"), node("x", taints=[{"key": "k", "effect": "NoSchedule"}])]
    counted, _ = status(daemon_set(), nodes, pods, "h", NOW)
    assert counted == {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 2,
        "numberMisscheduled": 1,
        "numberReady": 1,
        "observedGeneration": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberUnavailable": 2,
    }
