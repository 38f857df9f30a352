"""Each fault is brought about for real; the doctor names it first and blames nothing else; its fix makes all well again."""

import re

import pytest

from tests.cluster.clusters import wait_for
from tests.faults.causes import FAULTS
from tests.faults.conftest import causes

pytestmark = pytest.mark.timeout(240)
HEAL_SECONDS = 60
SEEN_SECONDS = 40
EACH = [
    pytest.param(fault, id=name, marks=[pytest.mark.usual] if fault.usual else []) for name, fault in FAULTS.items()
]


def mend(ward, fault, printed):
    """The fix as printed, on the machine that it names; what the fault's row says where it is no command."""
    place = re.match(r"on 10\.99\.0\.1([12])?: (.*)", printed)
    if fault.fix:
        local = fault.fix.startswith(("mv ", "cat ", "ip address")) and not fault.from_host
        code, said = ward.console(fault.fix) if local else ward.host(fault.fix)
    elif place:
        code, said = ward.console(place[2], f"node-{place[1]}") if place[1] else ward.host(place[2])
    else:
        code, said = ward.console(printed)
    assert code == 0, f"{fault.fix or printed}: {said}"


def named(ward, checks):
    """The causes, once the doctor names these and no other."""

    def look():
        found = causes(ward.doctor())
        return found if [one["check"] for one in found] == checks else None

    return wait_for(look, SEEN_SECONDS, f"{checks} alone")


@pytest.mark.parametrize("fault", EACH)
def test_the_doctor_names_it_first_and_its_fix_heals(ward, fault, row):
    inject = ward.host if fault.from_host else ward.console
    inject(fault.inject)
    names = [one["check"] for one in causes(ward.doctor())]
    row["rank"] = names.index(fault.check) + 1 if fault.check in names else 0
    row["false"] = len(names) - (fault.check in names)
    printed = "true"
    try:
        first = named(ward, [fault.check])[0]
        printed = first["fix"]
        assert fault.says in first["said"]
        assert all(first[part] for part in ("fix", "breaks", "evidence"))
    finally:
        mend(ward, fault, printed)
        inject(fault.heal or "true")
    wait_for(lambda: not causes(ward.doctor()), HEAL_SECONDS, "a healthy node")


@pytest.mark.usual
@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_a_healthy_node_is_called_healthy(ward, node):
    wait_for(lambda: {one["level"] for one in ward.doctor(node=node)} == {"well"}, HEAL_SECONDS, f"{node} healthy")


@pytest.mark.usual
def test_two_faults_at_once_are_both_named(ward):
    ward.console("sysctl -w net.ipv4.ip_forward=0; ip link set eth0 multicast off")
    try:
        named(ward, ["forwarding", "multicast"])
    finally:
        ward.console("sysctl -w net.ipv4.ip_forward=1; ip link set eth0 multicast on")


@pytest.mark.usual
def test_a_fix_that_is_safe_is_applied_and_can_be_undone(ward):
    ward.console("sysctl -w net.ipv4.ip_forward=0")
    code, said = ward.console("/opt/wherry/current/bin/agent doctor --only forwarding --fix --yes")
    assert code == 0 and "to undo: sysctl -w net.ipv4.ip_forward=0" in said
    assert ward.console("sysctl -n net.ipv4.ip_forward")[1].strip() == "1"
