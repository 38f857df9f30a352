"""Endpoints written by hand, as slices."""

from __future__ import annotations

import pytest

from master.controllers import mirrors
from master.controllers.endpoints import MANAGED_BY, SERVICE_NAME

SERVICE = {"metadata": {"name": "s", "namespace": "ns"}, "spec": {}}


def endpoints(*subsets: dict, **meta) -> dict:
    return {
        "metadata": {"name": "s", "namespace": "ns", "uid": "u", "labels": {"l": "v"}, **meta},
        "subsets": [*subsets],
    }


def subset(*addresses: str, port: int = 80, waiting: tuple[str, ...] = ()) -> dict:
    shown = {"addresses": [{"ip": ip} for ip in addresses], "notReadyAddresses": [{"ip": ip} for ip in waiting]}
    return {**shown, "ports": [{"name": "web", "port": port, "protocol": "TCP"}]}


def test_a_slice_for_each_family_and_set_of_ports():
    made = mirrors.slices(endpoints(subset("10.0.0.1", "fd00::1"), subset("10.0.0.2", port=81, waiting=("10.0.0.3",))))
    found = [(item["addressType"], item["ports"][0]["port"], len(item["endpoints"])) for item in made]
    assert found == [("IPv4", 80, 1), ("IPv6", 80, 1), ("IPv4", 81, 2)]
    assert [one["conditions"]["ready"] for one in made[2]["endpoints"]] == [True, False]
    assert made[0]["metadata"]["labels"] == {"l": "v", SERVICE_NAME: "s", MANAGED_BY: mirrors.MANAGER}
    assert made[0]["metadata"]["ownerReferences"][0]["kind"] == "Endpoints"


def test_what_is_there_is_changed_and_not_made_anew():
    before = endpoints(subset("10.0.0.1"), subset("10.0.0.9", port=81))
    present = [
        {**item, "metadata": {**item["metadata"], "name": f"s-{n}"}} for n, item in enumerate(mirrors.slices(before))
    ]
    assert mirrors.plan(before, present) == ((), (), ())
    todo = mirrors.plan(endpoints(subset("10.0.0.2")), present)
    assert [item["metadata"]["name"] for item in todo.update] == ["s-0"]
    assert [item["metadata"]["name"] for item in todo.delete] == ["s-1"]
    assert todo.create == ()


@pytest.mark.parametrize(
    ("subject", "service", "expected"),
    [
        (endpoints(), SERVICE, True),
        (endpoints(), None, False),
        (None, SERVICE, False),
        (endpoints(), {**SERVICE, "spec": {"selector": {"a": "b"}}}, False),
        (endpoints(labels={mirrors.SKIP: "true"}), SERVICE, False),
        (endpoints(annotations={mirrors.LEADER: "x"}), SERVICE, False),
    ],
    ids=["by-hand", "no-service", "gone", "selected", "asked-not-to", "a-lock"],
)
def test_whose_are_repeated(subject, service, expected):
    assert mirrors.is_mirrored(subject, service) is expected
