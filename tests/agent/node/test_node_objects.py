"""The Node and Lease objects of a machine, from plain facts."""

import json

import pytest

from agent.node.capacity import Capacity, Load
from agent.node.objects import (
    Health,
    Identity,
    Kept,
    advertised,
    conditions,
    cpu_quantity,
    lease,
    new_node,
    parse_taint,
    resources,
    turns,
)
from agent.node.thresholds import thresholds
from probes.cgroups import Limits, limits, used

ME = Identity("pi-1", "10.0.0.7", "arm64", labels={"rack": "b"}, taints=("gpu=yes:NoSchedule",))


def test_a_new_node_carries_its_labels_and_taints():
    node = new_node(ME)
    assert node["metadata"]["labels"]["kubernetes.io/arch"] == "arm64"
    assert node["metadata"]["labels"]["rack"] == "b"
    assert node["spec"]["taints"] == [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]


@pytest.mark.parametrize(("text", "taint"), [("k:NoExecute", {"key": "k", "effect": "NoExecute"})])
def test_taints(text, taint):
    assert parse_taint(text) == taint


@pytest.mark.parametrize(("cpus", "text"), [(4.0, "4"), (0.5, "500m"), (1.25, "1250m")])
def test_cpu_quantity(cpus, text):
    assert cpu_quantity(cpus) == text


def test_allocatable_keeps_memory_and_disk_back():
    hard = thresholds({"memory.available": "100Mi", "nodefs.available": "10%"}, {}, {})
    has, allocatable = resources(Capacity(2.0, 1 << 30, 10 << 30), 110, Kept(hard=hard))
    assert has["memory"] == "1048576Ki" and allocatable["memory"] == "946176Ki"
    assert int(allocatable["ephemeral-storage"]) == (10 << 30) * 9 // 10
    reserved = {"cpu": "250m", "memory": "24Mi", "ephemeral-storage": "1Gi"}
    _, allocatable = resources(Capacity(2.0, 1 << 30, 10 << 30), 110, Kept(reserved, hard))
    assert allocatable["cpu"] == "1750m" and allocatable["memory"] == "921600Ki"
    assert int(allocatable["ephemeral-storage"]) == 8 << 30


def test_what_others_advertise_is_allocatable_until_they_take_it_back():
    status = {"capacity": {"cpu": "2", "example.com/foo": "5"}, "allocatable": {"cpu": "1", "example.com/bar": "3"}}
    assert advertised({"status": status}) == {"example.com/foo": "5", "example.com/bar": None}
    assert advertised({"status": {}}) == advertised(None) == {}


def test_what_becomes_of_a_node_is_told_as_events():
    first = conditions(Health(network="not yet"), (), "2026-01-01T00:00:00Z")
    assert turns((), first) == ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"]
    ready = conditions(Health(pressures=frozenset({"DiskPressure"})), first, "2026-01-01T00:00:01Z")
    assert turns(first, ready) == ["NodeHasDiskPressure", "NodeReady"]
    assert turns(ready, ready) == []
    assert {c["type"]: c["reason"] for c in ready}["DiskPressure"] == "KubeletHasDiskPressure"


def test_a_healthy_node_is_ready_and_a_condition_keeps_the_time_it_changed():
    first = conditions(Health(), (), "2026-01-01T00:00:00Z")
    assert {c["type"]: c["status"] for c in first} == {
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
        "Ready": "True",
    }
    later = conditions(Health(network="no pod range"), first, "2026-01-01T00:01:00Z")
    assert {c["type"]: c["lastTransitionTime"] for c in later} == {
        "MemoryPressure": "2026-01-01T00:00:00Z",
        "DiskPressure": "2026-01-01T00:00:00Z",
        "PIDPressure": "2026-01-01T00:00:00Z",
        "Ready": "2026-01-01T00:01:00Z",
    }
    assert later[-1]["reason"] == "KubeletNotReady" and later[-1]["message"] == "no pod range"


def test_the_lease_carries_the_load_and_its_owner():
    load = Load(0.25, 0.5, 0.1, 51.5)
    made = lease("pi-1", load, "now", {"metadata": {"uid": "u"}})
    assert json.loads(made["metadata"]["annotations"]["wherry.dev/load"]) == {
        "cpu": 0.25,
        "memory": 0.5,
        "disk": 0.1,
        "temperature": 51.5,
    }
    assert made["metadata"]["ownerReferences"][0]["uid"] == "u"
    again = lease("pi-1", load, "later", None, made | {"metadata": made["metadata"] | {"resourceVersion": "7"}})
    assert again["metadata"]["resourceVersion"] == "7" and again["spec"]["renewTime"] == "later"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param({"cpu.max": "150000 100000", "memory.max": "536870912"}, Limits(1.5, 536870912), id="v2"),
        pytest.param({"cpu.max": "max 100000", "memory.max": "max"}, Limits(), id="v2 without limits"),
        pytest.param(
            {
                "cpu/cpu.cfs_quota_us": "50000",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "1073741824",
            },
            Limits(0.5, 1073741824),
            id="v1",
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "-1", "memory/memory.limit_in_bytes": "9223372036854771712"},
            Limits(),
            id="v1 without",
        ),
        pytest.param({}, Limits(), id="no cgroups at all"),
    ],
)
def test_cgroup_limits(tmp_path, files, found):
    write(tmp_path, files)
    assert limits(tmp_path) == found


def test_cgroup_use(tmp_path):
    assert used(tmp_path) is None
    write(tmp_path, {"memory.current": "300", "memory.stat": "inactive_file 100\n", "cpu.stat": "usage_usec 2500000\n"})
    assert (used(tmp_path).cpu_seconds, used(tmp_path).memory) == (2.5, 200)
