"""Rules about other pods: affinity, anti-affinity and spread over domains."""

import pytest

from master.scheduler.decisions import Placement


def term(key: str = "kubernetes.io/hostname", **labels: str) -> dict:
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": key}


def near(*terms: dict) -> dict:
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def apart(*terms: dict) -> dict:
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def spread(key: str = "zone", skew: int = 1, when: str = "DoNotSchedule") -> dict:
    return {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "x"}},
    }


@pytest.fixture
def zones(scene):
    for name, zone in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        scene.node(name, labels={"zone": zone})
    return scene


def test_near_goes_where_the_others_are(zones):
    zones.runs("b1", "db", labels={"app": "db"})
    assert zones.decide(affinity=near(term("zone", app="db"))).node == "b1"


def test_near_nobody_waits(zones):
    message = zones.decide(affinity=near(term(app="db"))).message
    assert message.startswith("0/3 nodes are available: 3 node(s) didn't match pod affinity rules. ")


def test_the_first_of_a_group_that_wants_itself_may_start(zones):
    decision = zones.decide(labels={"app": "x"}, affinity=near(term("zone", app="x")))
    assert isinstance(decision, Placement)


def test_apart_avoids_the_whole_domain(zones):
    zones.runs("a1", "other", labels={"app": "x"})
    assert zones.decide(affinity=apart(term("zone", app="x"))).node == "b1"


def test_those_that_are_there_repel_too(zones):
    zones.runs("a1", "loner", affinity=apart(term("zone", app="x")))
    assert zones.decide(labels={"app": "x"}).node == "b1"
    zones.cluster.remove_pod(("ns", "loner"))
    assert {zones.decide(labels={"app": "x"}).node for _ in range(1)} <= {"a1", "a2", "b1"}


def test_repelled_everywhere_says_so(scene):
    scene.node("n")
    scene.runs("n", "loner", affinity=apart(term(app="x")))
    assert "1 node(s) didn't satisfy existing pods anti-affinity rules" in scene.decide(labels={"app": "x"}).message


def test_another_namespace_does_not_count(zones):
    zones.runs("b1", "db", labels={"app": "db"})
    elsewhere = {**term("zone", app="db"), "namespaces": ["elsewhere"]}
    assert "didn't match pod affinity rules" in zones.decide(affinity=near(elsewhere)).message


def test_namespaces_by_label(zones):
    zones.cluster.namespaces["ns"] = {"team": "t"}
    zones.runs("b1", "db", labels={"app": "db"})
    by_team = {**term("zone", app="db"), "namespaceSelector": {"matchLabels": {"team": "t"}}}
    assert zones.decide(affinity=near(by_team)).node == "b1"


def test_spread_keeps_the_skew(zones):
    zones.runs("a1", "x1", labels={"app": "x"})
    assert zones.decide(labels={"app": "x"}, topologySpreadConstraints=[spread()]).node == "b1"


def test_spread_over_many_pods_is_even(zones):
    placed = {"a": 0, "b": 0}
    for number in range(10):
        pod = zones.pod(f"x{number}", labels={"app": "x"}, topologySpreadConstraints=[spread()])
        node = zones.scheduler.schedule(pod).node
        zones.runs(node, f"x{number}", labels={"app": "x"}, topologySpreadConstraints=[spread()])
        placed[node[0]] += 1
    assert placed == {"a": 5, "b": 5}


def test_spread_without_the_label_waits(scene):
    scene.node("n")
    assert (
        "1 node(s) didn't match pod topology spread constraints (missing required label)."
        in scene.decide(topologySpreadConstraints=[spread("none")]).message
    )


def test_spread_full_domain_waits(zones):
    zones.node("b1", labels={"zone": "b"}, unschedulable=True)
    zones.runs("a1", "x1", labels={"app": "x"})
    message = zones.decide(labels={"app": "x"}, topologySpreadConstraints=[spread()]).message
    assert "1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints." in message


def test_soft_spread_prefers_but_never_waits(zones):
    zones.runs("a1", "x1", labels={"app": "x"})
    soft = [spread(when="ScheduleAnyway")]
    assert zones.decide(labels={"app": "x"}, topologySpreadConstraints=soft).node == "b1"


def test_preferred_apart(zones):
    zones.runs("b1", "x1", labels={"app": "x"})
    preferred = {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": term("zone", app="x")},
            ]
        }
    }
    assert zones.decide(affinity=preferred).node in {"a1", "a2"}


def test_tallies_follow_a_node_that_changes_its_zone(zones):
    zones.runs("a1", "x1", labels={"app": "x"})
    rule = {"labels": {"app": "x"}, "topologySpreadConstraints": [spread()]}
    assert zones.decide(**rule).node == "b1"
    zones.node("a1", labels={"zone": "b"})
    assert zones.decide(**rule).node == "a2"
