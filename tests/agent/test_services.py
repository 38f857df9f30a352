"""The service table: which Services changed, and what they look like joined with their slices."""

from agent.services import SERVICE_LABEL, ServiceTable


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


def test_hints_and_the_health_port_are_told():
    table = ServiceTable()
    table.apply_service("ADDED", service(healthCheckNodePort=30999))
    hinted = piece()
    hinted["endpoints"][0]["hints"] = {"forZones": [{"name": "z1"}], "forNodes": [{"name": "n1"}]}
    table.apply_slice("ADDED", hinted)
    found = table.get(("default", "web"))
    assert found.health_port == 30999
    assert [(e.for_zones, e.for_nodes) for e in found.endpoints] == [(("z1",), ("n1",))]
