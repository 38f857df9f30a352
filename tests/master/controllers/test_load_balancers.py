"""Addresses of LoadBalancer Services and the nodes that announce them."""

from __future__ import annotations

from kube.services import ANNOUNCER
from master.controllers.load_balancers import Given, plan

POOL = ["192.0.2.1", "192.0.2.2"]


def service(name="a", address="", node="", **spec):
    meta = {"namespace": "d", "name": name, "annotations": {ANNOUNCER: node} if node else {}}
    status = {"loadBalancer": {"ingress": [{"ip": address}]} if address else {}}
    return {"metadata": meta, "spec": {"type": "LoadBalancer"} | spec, "status": status}


def given(*services, nodes=("n1",), homes=None):
    return {key[1]: found for key, found in plan(services, POOL, nodes, homes or {}).items()}


def test_each_gets_one_and_keeps_it():
    assert given(service("a"), service("b")) == {"a": Given(POOL[0], "n1"), "b": Given(POOL[1], "n1")}
    assert given(service("a"), service("b", POOL[0]))["b"].address == POOL[0]


def test_a_pool_that_is_used_up():
    assert given(*(service(name) for name in "abc"))["c"] == Given("", "")


def test_a_wish_is_heeded_or_waits():
    assert given(service("a", loadBalancerIP=POOL[1]))["a"].address == POOL[1]
    assert given(service("a", POOL[1]), service("b", loadBalancerIP=POOL[1]))["b"].address == ""


def test_an_address_outside_the_pool_is_given_back():
    assert given(service("a", "198.51.100.1"))["a"].address == POOL[0]


def test_others_are_left_alone():
    assert given(service("a", loadBalancerClass="x/y"), service("b", type="ClusterIP")) == {}


def test_the_announcer_stays_while_it_is_well():
    for node in ("n1", "n2"):
        assert given(service("a", POOL[0], node), nodes=("n1", "n2"))["a"].node == node
    assert given(service("a", POOL[0], "n1"), nodes=("n2", "n3"))["a"].node in ("n2", "n3")
    assert given(service("a", POOL[0], "n1"), nodes=())["a"] == Given(POOL[0], "")


def test_local_traffic_is_announced_where_an_endpoint_is():
    local = service("a", POOL[0], "n1", externalTrafficPolicy="Local")
    assert given(local, nodes=("n1", "n2"), homes={("d", "a"): {"n2"}})["a"].node == "n2"
    assert given(local, nodes=("n1", "n2"))["a"].node == ""
