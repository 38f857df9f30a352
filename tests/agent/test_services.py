"""The service table: which Services changed, and what they look like joined with their slices."""

import pytest

from agent.services import SERVICE_LABEL, Endpoint, Service, ServiceTable


def service(name="web", **spec):
    spec = {"clusterIP": "10.43.0.5", "clusterIPs": ["10.43.0.5"], "ports": [{"name": "http", "port": 80}]} | spec
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def piece(name="web-1", owner="web", addresses=("10.42.0.2",), **conditions):
    return {
        "metadata": {"namespace": "default", "name": name, "labels": {SERVICE_LABEL: owner}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        "endpoints": [{"addresses": [a], "conditions": conditions, "nodeName": "n1"} for a in addresses],
    }


def test_a_slice_before_its_service_is_joined_when_the_service_comes():
    table = ServiceTable()
    assert table.apply_slice("ADDED", piece()) == set()
    assert table.apply_service("ADDED", service()) == {("default", "web")}
    assert [e.address for e in table.get(("default", "web")).endpoints] == ["10.42.0.2"]


def test_what_does_not_matter_changes_nothing():
    table = ServiceTable()
    table.apply_service("ADDED", service())
    again = service()
    again["metadata"]["annotations"] = {"note": "x"}
    assert table.apply_service("MODIFIED", again) == set()


def test_a_slice_that_moves_to_another_service_changes_both():
    table = ServiceTable()
    table.apply_service("ADDED", service("a"))
    table.apply_service("ADDED", service("b"))
    table.apply_slice("ADDED", piece(owner="a"))
    assert table.apply_slice("MODIFIED", piece(owner="b")) == {("default", "a"), ("default", "b")}
    assert table.get(("default", "a")).endpoints == ()


def test_deleting_slice_and_service():
    table = ServiceTable()
    table.apply_service("ADDED", service())
    table.apply_slice("ADDED", piece())
    assert table.apply_slice("DELETED", piece()) == {("default", "web")}
    assert table.apply_slice("DELETED", piece()) == set()
    assert table.apply_service("DELETED", service()) == {("default", "web")}
    assert len(table) == 0


@pytest.mark.parametrize(
    ("endpoints", "usable"),
    [
        pytest.param([("a", True, True, False), ("b", False, True, True)], ["a"], id="ready ones win"),
        pytest.param([("b", False, True, True)], ["b"], id="an ending one serves while none is ready"),
        pytest.param([("b", False, False, True)], [], id="one that does not serve is never used"),
    ],
)
def test_usable(endpoints, usable):
    made = tuple(Endpoint(a, (), ready=r, serving=s, terminating=t) for a, r, s, t in endpoints)
    assert [e.address for e in Service("d", "s", endpoints=made).usable()] == usable
