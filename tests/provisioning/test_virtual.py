"""Virtual nodes, the pure parts: subnets, addresses, what `ip` is told, cgroup limits, the files of a fresh node."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import replace
from pathlib import Path

import pytest

from kube.layout import Layout
from provisioning.supervising.services import Service, parse_service
from provisioning.virtual import cgroups, filling, firewall, mounting, network, nodes
from provisioning.virtual.prepared import outermost
from provisioning.virtual.records import MIB, Blueprint, Places, Process, Record, Size, load, save, tag

RECORD = Record("a", "10.99.0.11", 24, "10.99.0.1", "wh-12345678", 512 * MIB, 0.5, "0" * 32, "ssh-ed25519 AAAA")


def nets(*names: str) -> list[ipaddress.IPv4Network]:
    return [ipaddress.IPv4Network(name) for name in names]


@pytest.mark.parametrize(
    ("taken", "chosen"),
    [
        ((), "10.99.0.0/24"),
        (("10.99.0.0/24",), "10.99.1.0/24"),
        (("10.99.0.0/22", "192.168.0.0/16"), "10.99.4.0/24"),
        (("10.99.0.7/32",), "10.99.1.0/24"),
    ],
)
def test_a_subnet_overlaps_nothing(taken: tuple[str, ...], chosen: str) -> None:
    assert str(network.choose_subnet(nets(*taken))) == chosen


def test_no_free_subnet_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="--virtual-subnet"):
        network.choose_subnet(nets("10.0.0.0/8"))


def test_addresses_start_at_the_eleventh_and_skip_what_is_taken() -> None:
    assert network.choose_address("10.99.0.0/24", ["10.99.0.11", "10.99.0.13"]) == "10.99.0.12"
    with pytest.raises(ValueError, match="no free address"):
        network.choose_address("10.99.0.0/29", [])


def test_routes_are_read_without_the_default_and_without_ipv6() -> None:
    text = '[{"dst":"default"},{"dst":"10.1.0.0/16"},{"type":"local","dst":"127.0.0.1"},{"dst":"fe80::/64"}]'
    assert network.routed_subnets(text) == nets("10.1.0.0/16", "127.0.0.1/32")
    assert network.routed_subnets("") == []


def test_links_fit_into_fifteen_characters_and_macs_are_local() -> None:
    assert len(network.link_name("wh-12345678", "a-very-long-name-of-a-node")) <= 15
    assert int(network.hardware_address("wh-12345678", "a")[:2], 16) & 3 == 2


def test_a_cable_joins_the_bridge() -> None:
    link = network.link_name(RECORD.bridge, "a")
    assert f"link set {link} master wh-12345678" in network.cable_batch(RECORD, 77)
    assert "route add default via 10.99.0.1" in network.inside_batch(RECORD)


V1 = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,relatime,memory 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,xattr,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"


def test_both_versions_of_cgroups_are_found() -> None:
    rows = cgroups.parse_mounts(V1)
    assert [(row.mount.name, row.version, sorted(row.controllers)) for row in rows] == [
        ("memory", 1, ["memory"]),
        ("cpu,cpuacct", 1, ["cpu", "cpuacct"]),
        ("systemd", 1, ["name=systemd"]),
        ("unified", 2, []),
    ]
    assert [row.version for row in cgroups.parse_mounts(V2)] == [2]


def test_limits_in_both_versions() -> None:
    memory, cpu, systemd, unified = cgroups.parse_mounts(V1)
    size = Size(512 * MIB, 0.5)
    assert cgroups.limits(memory, size) == {"memory.limit_in_bytes": "536870912"}
    assert cgroups.limits(cpu, size) == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    assert cgroups.limits(systemd, size) == {}
    assert cgroups.limits(unified, size)["cpu.max"] == "50000 100000"


def test_the_node_mounts_the_hosts_hierarchies() -> None:
    rows = mounting.cgroup_mounts(cgroups.parse_mounts(V1))
    assert [(row.target, row.kind, row.data) for row in rows] == [
        ("sys/fs/cgroup", "tmpfs", "mode=755"),
        ("sys/fs/cgroup/memory", "cgroup", "memory"),
        ("sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"),
        ("sys/fs/cgroup/systemd", "cgroup", "none,name=systemd"),
        ("sys/fs/cgroup/unified", "cgroup2", ""),
    ]
    assert [row.target for row in mounting.cgroup_mounts(cgroups.parse_mounts(V2))] == ["sys/fs/cgroup"]


def test_a_fresh_node_has_its_own_identity_and_services() -> None:
    announcer = Service("announce", ("/usr/bin/announce",), {"NAME": "a"})
    found = filling.files(RECORD, ("ssh-ed25519 BBBB master",), (announcer,))
    assert found["etc/hostname"].content == "a\n"
    assert found["etc/machine-id"].content == "0" * 32 + "\n"
    assert found["root/.ssh/authorized_keys"] == filling.File("ssh-ed25519 BBBB master\n", 0o600)
    assert parse_service("announce", str(found["etc/wherry/services/announce.toml"].content)) == announcer
    assert found["usr/local/bin/wherry-supervise"].mode == 0o755


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = filling.make_key(tmp_path / "keys/id", "someone")
    assert first == filling.make_key(tmp_path / "keys/id", "someone")
    assert first.startswith("ssh-ed25519 ")
    assert (tmp_path / "keys/id").stat().st_mode & 0o777 == 0o600


def test_records_read_back(tmp_path: Path) -> None:
    save(tmp_path / "deep/node.json", RECORD)
    assert Record.of(load(tmp_path / "deep/node.json") or {}) == RECORD
    assert load(tmp_path / "none.json") is None


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    process = Process.of(os.getpid())
    assert process and process.alive
    assert not replace(process, started=process.started - 1).alive


def test_places_and_tag_depend_on_the_root_alone() -> None:
    assert tag(Layout(Path("/x"))) == tag(Layout(Path("/x"))) != tag(Layout(Path("/y")))
    assert Places.of(Layout(Path("/x")), "a").record == Path("/x/var/lib/wherry/virtual/a/node.json")


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a/b", "..", "a" * 64, "a\nb"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        nodes.VirtualNode.create(Layout(tmp_path), network.Network("wh-x", "10.99.0.0/24"), Blueprint(name))


@pytest.mark.parametrize(
    ("chain", "dropped"),
    [
        ("-P FORWARD ACCEPT\n", False),
        ("-P FORWARD DROP\n", True),
        ("-P FORWARD ACCEPT\n-A FORWARD -j REJECT\n", True),
    ],
)
def test_whether_the_host_forwards(chain: str, dropped: bool) -> None:
    assert firewall.drops(chain) is dropped


def test_the_bridges_rule_is_found() -> None:
    chain = "-P FORWARD DROP\n-A FORWARD -i wh-1 -o wh-1 -m comment --comment wherry -j ACCEPT\n"
    assert firewall.has_rule(chain, "wh-1")
    assert not firewall.has_rule(chain, "wh-2")


@pytest.mark.parametrize(
    ("folders", "shown"),
    [
        (("/a/venv", "/usr", "/a"), ("/usr", "/a")),
        (("/a/venv", "/usr", "/a/venv/lib/site-packages"), ("/a/venv", "/usr")),
        (("/a", "/a", "/a"), ("/a",)),
        (("/a/v", "/a/vs"), ("/a/v", "/a/vs")),
    ],
    ids=["checkout", "installed", "the same", "beside each other"],
)
def test_a_node_is_shown_each_folder_of_the_programs_once(folders: tuple[str, ...], shown: tuple[str, ...]) -> None:
    assert outermost(*map(Path, folders)) == tuple(map(Path, shown))
