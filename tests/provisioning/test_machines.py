"""A machine's facts: what the script printed on a bare board, and what speaks against one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from provisioning.homes import Home
from provisioning.machines import LEAST_DISK, MIB, Machine, parse, refusals, script

RECORDED = (Path(__file__).parent / "recordings/bare-node.txt").read_text()
CLUSTER = "0123456789abcdef"


@pytest.fixture
def bare() -> Machine:
    return parse(RECORDED)


def said(machine: Machine, **more: Any) -> list[str]:
    given: dict[str, Any] = {"now": machine.clock, "cluster": CLUSTER, "can_serve": ("amd64",), "python": (3, 11)}
    return refusals(machine, **(given | more))


def test_a_bare_board_is_read_and_may_join(bare: Machine) -> None:
    assert (bare.hostname, bare.architecture, bare.python, bare.codename) == ("node-5", "amd64", (3, 11), "bookworm")
    assert bare.root and bare.supervisor and not bare.systemd and not bare.lowers_oom
    assert (bare.missing_packages, bare.version, bare.cluster, bare.joined_as) == ((), "", "", "")
    assert bare.modules == {"overlay", "br_netfilter"}
    assert set(bare.switches.values()) == {"1"}
    assert [mount for mount, _ in bare.disks] == ["/", "/var/lib/wherry", "/"]
    assert said(bare) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"architecture": "arm"}, "its architecture is arm; wherry runs on amd64 and arm64", id="armhf"),
        pytest.param({"architecture": "riscv64"}, "its architecture is riscv64", id="unknown architecture"),
        pytest.param({"architecture": "arm64"}, "this master has programs for amd64 only", id="other architecture"),
        pytest.param({"root": False}, "sudo asks for a password", id="no root"),
        pytest.param({"python": (3, 9)}, "it has Python 3.9; 3.11 or newer", id="old python"),
        pytest.param({"python": (0, 0)}, "it has Python none", id="no python"),
        pytest.param({"python": (3, 13)}, "this master's programs are for 3.11", id="other python"),
        pytest.param({"memory": 100 * MIB}, "it has 100 MiB of memory and 200 are needed", id="little memory"),
        pytest.param({"cluster": "feed"}, "it belongs to another cluster; reset it there first", id="joined elsewhere"),
        pytest.param({"port_taken": True}, "port 10250 is taken", id="port"),
        pytest.param({"supervisor": False}, "neither systemd nor wherry-supervise", id="nothing keeps services"),
    ],
)
def test_what_speaks_against_a_machine(bare: Machine, change: dict[str, Any], words: str) -> None:
    (sentence,) = said(replace(bare, **change))
    assert words in sentence


@pytest.mark.parametrize(("hours", "word"), [(2, "ahead"), (-30, "behind")])
def test_a_wrong_clock_is_refused(bare: Machine, hours: int, word: str) -> None:
    (sentence,) = said(bare, now=bare.clock - hours * 3600)
    assert f"its clock is {abs(hours)}.0 h {word}" in sentence


@pytest.mark.parametrize(
    ("free", "full"),
    [
        ((("/", 700 * MIB), ("/", 700 * MIB), ("/", 700 * MIB)), []),
        ((("/", 500 * MIB), ("/", 500 * MIB), ("/", 500 * MIB)), [("500", "/", "601")]),
        ((("/opt", 1 * MIB), ("/", 700 * MIB), ("/", 700 * MIB)), [("1", "/opt", "150")]),
        ((("/", 10 * MIB), ("/data", 9 * MIB), ("/", 10 * MIB)), [("10", "/", "151"), ("9", "/data", "450")]),
    ],
    ids=["enough", "one full", "programs' own full", "two full"],
)
def test_disks_count_together_where_they_are_one(bare: Machine, free: Any, full: list[tuple[str, ...]]) -> None:
    found = said(replace(bare, disks=free))
    assert found == [
        f"its disk has {has} MiB free at {at} and {needs} are needed; free some space" for has, at, needs in full
    ]


def test_disks_that_cannot_be_read_are_full() -> None:
    lines = [line for line in RECORDED.splitlines() if not line.startswith("/dev/vda")]
    assert parse("\n".join(lines)).disks == (("/", 0),) * len(LEAST_DISK)


def test_a_node_of_this_cluster_may_join_again(bare: Machine) -> None:
    assert said(replace(bare, cluster=CLUSTER, port_taken=True)) == []


def test_nothing_at_all_is_read_without_a_fault() -> None:
    assert "its architecture is ;" in said(parse(""))[0]


def test_the_script_asks_below_the_root_of_its_home() -> None:
    text = script(Home(PurePosixPath("/srv/my root")))
    assert "cat '/srv/my root/var/lib/wherry'/cluster-id" in text
    assert "{etc}" not in text and "{state}" not in text
