"""From pods to the addresses behind a Service."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.controllers.endpoints import PER_SLICE, hints, legacy, slices


def service(**spec) -> dict:
    meta = {"name": "web", "namespace": "ns", "uid": "s", "labels": {"app": "x"}}
    ports = [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]
    return {"metadata": meta, "spec": {"ports": ports, "clusterIP": "10.43.0.9", **spec}}


WEB = {"ports": [{"name": "web", "containerPort": 8080}]}


def test_a_ready_pod_is_an_endpoint(pod):
    made = slices(service(), [pod("a", spec=WEB)], {"n": "attic"}, []).create
    assert len(made) == 1
    assert made[0]["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]
    assert made[0]["endpoints"] == [
        {
            "addresses": ["10.0.0.1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a", "uid": "uid-a"},
            "nodeName": "n",
            "zone": "attic",
        }
    ]
    assert made[0]["metadata"]["labels"] == {
        "app": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }


def conditions_of(todo) -> list[dict]:
    return [endpoint["conditions"] for item in todo.create for endpoint in item["endpoints"]]


def test_states_of_pods(pod):
    unready = pod("b", ready=False)
    leaving = pod("c", deletionTimestamp="2026-01-01T00:00:00Z")
    ended, nowhere = pod("d", "Succeeded"), pod("e", address="")
    assert conditions_of(slices(service(), [unready, leaving, ended, nowhere], {}, [])) == [
        {"ready": False, "serving": False, "terminating": False},
        {"ready": False, "serving": True, "terminating": True},
    ]


def test_unready_may_be_published(pod):
    todo = slices(service(publishNotReadyAddresses=True), [pod("b", ready=False)], {}, [])
    assert conditions_of(todo)[0]["ready"] is True


def test_pods_with_other_port_numbers_have_a_slice_of_their_own(pod):
    other = {"ports": [{"name": "web", "containerPort": 9090}]}
    made = slices(service(), [pod("a", spec=WEB), pod("b", spec=other)], {}, []).create
    assert sorted(item["ports"][0]["port"] for item in made) == [8080, 9090]


def test_no_pods_leave_one_empty_slice(pod):
    made = slices(service(), [], {}, []).create
    assert [item["endpoints"] for item in made] == [[]]
    present = {**made[0], "metadata": {**made[0]["metadata"], "name": "web-1"}}
    todo = slices(service(), [], {}, [present])
    assert (todo.create, todo.update, todo.delete) == ((), (), ())


def test_headless_is_marked(pod):
    made = slices(service(clusterIP="None"), [pod("a", spec=WEB)], {}, []).create
    assert made[0]["metadata"]["labels"]["service.kubernetes.io/headless"] == ""


def test_a_hostname_in_the_services_subdomain_is_told(pod):
    named = pod("a", spec={**WEB, "hostname": "db-0", "subdomain": "web"})
    assert slices(service(), [named], {}, []).create[0]["endpoints"][0]["hostname"] == "db-0"


def test_both_families(pod):
    both = pod("a", spec=WEB)
    both["status"]["podIPs"] = [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]
    made = slices(service(ipFamilies=["IPv4", "IPv6"]), [both], {}, []).create
    assert {item["addressType"]: item["endpoints"][0]["addresses"] for item in made} == {
        "IPv4": ["10.0.0.1"],
        "IPv6": ["fd00::1"],
    }


def test_legacy_endpoints_tell_ready_from_not_ready(pod):
    made = legacy(service(), [pod("a", spec=WEB), pod("b", ready=False, spec=WEB)])
    (subset,) = made["subsets"]
    assert [address["targetRef"]["name"] for address in subset["addresses"]] == ["a"]
    assert [address["targetRef"]["name"] for address in subset["notReadyAddresses"]] == ["b"]
    assert subset["ports"] == [{"name": "http", "protocol": "TCP", "port": 8080}]


def apply(present: list[dict], todo, counter: list[int]) -> list[dict]:
    gone = {item["metadata"]["name"] for item in todo.delete}
    changed = {item["metadata"]["name"]: item for item in todo.update}
    kept = [changed.get(item["metadata"]["name"], item) for item in present if item["metadata"]["name"] not in gone]
    for item in todo.create:
        counter[0] += 1
        kept.append({**item, "metadata": {**item["metadata"], "name": f"web-{counter[0]}"}})
    return kept


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sets(st.integers(0, 300), max_size=250), min_size=1, max_size=5))
def test_slices_follow_any_history_with_few_writes(histories):
    """Each present pod once, no slice over its size, and a second look changes nothing."""
    counter, present = [0], []
    for members in histories:
        pods = [
            {
                "metadata": {"name": f"p{number}", "namespace": "ns", "uid": f"u{number}"},
                "spec": {"ports": [{"name": "web", "containerPort": 8080}]},
                "status": {"phase": "Running", "podIP": f"10.0.{number // 250}.{number % 250}"},
            }
            for number in members
        ]
        present = apply(present, slices(service(), pods, {}, present), counter)
        found = [endpoint["targetRef"]["uid"] for item in present for endpoint in item["endpoints"]]
        assert sorted(found) == sorted(f"u{number}" for number in members)
        assert all(len(item["endpoints"]) <= PER_SLICE for item in present)
        again = slices(service(), pods, {}, present)
        assert (again.create, again.update, again.delete) == ((), (), ())


@pytest.mark.parametrize(
    ("wish", "zone", "expected"),
    [
        (None, "z", {}),
        ("PreferClose", "z", {"hints": {"forZones": [{"name": "z"}]}}),
        ("PreferSameZone", "", {}),
        ("PreferSameNode", "z", {"hints": {"forZones": [{"name": "z"}], "forNodes": [{"name": "n"}]}}),
        ("PreferSameNode", "", {"hints": {"forNodes": [{"name": "n"}]}}),
    ],
)
def test_who_should_use_an_endpoint(wish, zone, expected):
    subject = {"spec": {"trafficDistribution": wish} if wish else {}}
    assert hints(subject, {"nodeName": "n", **({"zone": zone} if zone else {})}) == expected
