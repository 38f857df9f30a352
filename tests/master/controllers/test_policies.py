"""From the peers of a NetworkPolicy to the slices that tell who they are."""

from __future__ import annotations

from kube.policies import GROUP_LABEL, Group
from master.controllers.policies import plan, slices

SPACES = {"x": {"team": "a"}, "y": {"team": "b"}}
EVERYWHERE = {"namespaceSelector": {}}
SAME = {"podSelector": {"matchLabels": {"app": "web"}}}


def policy(*peers, ports=()):
    rule = {"to": list(peers)} | ({"ports": list(ports)} if ports else {})
    return {"metadata": {"namespace": "x", "name": "p", "uid": "u"}, "spec": {"egress": [rule]}}


def pod(name, address, namespace="x", labels=None, **spec):
    meta = {"namespace": namespace, "name": name, "labels": labels or {}}
    return {"metadata": meta, "spec": spec, "status": {"podIP": address, "phase": "Running"}}


PODS = [
    pod("web", "10.42.0.2", labels={"app": "web"}, ports=[{"name": "http", "containerPort": 80}]),
    pod("far", "10.42.1.2", "y", labels={"app": "web"}, ports=[{"name": "http", "containerPort": 81}]),
    pod("host", "10.99.0.2", "y", hostNetwork=True),
    pod("starting", ""),
    pod("db", "10.42.0.3"),
]


def told(made):
    return {(tuple(p["port"] for p in item["ports"]), *(e["addresses"][0] for e in item["endpoints"])) for item in made}


def test_a_selector_without_namespaces_stays_in_the_policys_own():
    assert told(slices(policy(SAME), PODS, SPACES)) == {((), "10.42.0.2")}


def test_namespaces_are_named_by_their_labels():
    other = {"namespaceSelector": {"matchLabels": {"team": "b"}}}
    assert told(slices(policy(other), PODS, SPACES)) == {((), "10.42.1.2")}
    assert told(slices(policy(EVERYWHERE), PODS, SPACES)) == {((), "10.42.0.2", "10.42.0.3", "10.42.1.2")}


def test_a_port_named_on_the_way_out_tells_the_numbers():
    made = slices(policy(EVERYWHERE, ports=[{"port": "http"}]), PODS, SPACES)
    assert told(made) == {((), "10.42.0.3"), ((80,), "10.42.0.2"), ((81,), "10.42.1.2")}
    assert made[0]["metadata"]["labels"][GROUP_LABEL] == Group({}, {}).key
    assert made[0]["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_a_thousand_share_a_slice_and_no_more():
    many = [pod(f"p{n}", f"10.42.{n // 250}.{n % 250 + 1}") for n in range(1001)]
    made = slices(policy(EVERYWHERE), many, SPACES)
    assert sorted(len(item["endpoints"]) for item in made) == [1, 1000]
    assert len({item["metadata"]["name"] for item in made}) == 2


def test_only_what_differs_is_written():
    made = slices(policy(SAME), PODS, SPACES)
    stored = [{**item, "metadata": {**item["metadata"], "resourceVersion": "5"}} for item in made]
    changes = plan(made, stored)
    assert (changes.create, changes.update, changes.delete) == ((), (), ())
    moved = slices(policy(SAME), [pod("web", "10.42.0.9", labels={"app": "web"})], SPACES)
    changes = plan(moved, stored)
    assert [item["metadata"]["resourceVersion"] for item in changes.update] == ["5"]
    assert plan([], stored).delete == tuple(stored)
