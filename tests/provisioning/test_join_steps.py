"""What joining does on a machine, as steps: what facts leave out, what is undone, systemd's side, and hostile words."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.announcements import from_txt
from kube.config import ClusterSection, read_agent
from provisioning.homes import Home
from provisioning.joining import Certificates, Order, announce, finish, prepare, request_keys
from provisioning.machines import parse
from provisioning.steps import Put, Run, Step
from provisioning.transport import shown

BARE = parse((Path(__file__).parent / "recordings/bare-node.txt").read_text())
REAL = replace(BARE, systemd=True, supervisor=False, modules=frozenset(), switches={"net.ipv4.ip_forward": "0"})
SIGNED = Certificates(b"node", b"serving")

AGENT_UNIT = """\
[Unit]
Description=wherry-agent
After=network-online.target wherry-containerd.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/wherry/current/bin/agent run
Restart=always
RestartSec=0.5
TimeoutStopSec=10
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    archive = tmp_path / "agent.tar.gz"
    archive.write_bytes(b"programs")
    servers = ("https://192.0.2.1:6443",)
    return Order("pi-1", servers, b"authority", "feed", ClusterSection(), "0.1.0-abc", archive)


def titles(steps: object) -> list[str]:
    return [step.title for step in steps]  # type: ignore[attr-defined]


def test_a_bare_board_gets_everything(order: Order) -> None:
    assert titles(prepare(BARE, order)) == ["programs 0.1.0-abc", "container runtime"]
    assert titles(finish(BARE, order, SIGNED)) == ["settings and certificates", "DNS", "agent"]
    assert titles(announce(BARE, order)) == ["announcer"]


def test_what_is_there_is_left_out(order: Order) -> None:
    assert titles(prepare(replace(BARE, version="0.1.0-abc"), order)) == ["container runtime"]


def test_what_is_missing_is_named(order: Order) -> None:
    machine = replace(REAL, missing_packages=("containerd", "runc"))
    assert titles(prepare(machine, order))[:3] == [
        "packages containerd runc",
        "kernel modules overlay br_netfilter",
        "kernel switches net.ipv4.ip_forward",
    ]


def test_packages_come_from_the_master_or_from_the_machine_s_own_sources(order: Order, tmp_path: Path) -> None:
    machine = replace(BARE, missing_packages=("runc",))
    own = next(prepare(machine, order))
    assert str(own.actions[0]) == "apt-get update -qq"
    (tmp_path / "runc_1_amd64.deb").write_bytes(b"deb")
    brought = next(prepare(machine, order, (tmp_path / "runc_1_amd64.deb",)))
    assert "dpkg --install /var/tmp/wherry-packages/runc_1_amd64.deb" in str(brought.actions[1])
    assert [str(action) for action in brought.undo] == ["apt-get purge -y --autoremove runc"]


def test_the_kernel_is_set_for_each_boot_and_set_back(order: Order) -> None:
    _, modules, switches = (None, *list(prepare(REAL, order))[:2])
    assert modules is not None and switches is not None
    assert [str(a) for a in modules.actions] == [
        "write /etc/modules-load.d/wherry.conf (21 bytes, mode 644)",
        "modprobe --all overlay br_netfilter",
    ]
    assert [str(a) for a in modules.undo] == ["modprobe --remove overlay br_netfilter"]
    put, write = switches.actions
    assert isinstance(put, Put)
    assert put.content == b"net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n"
    assert str(write) == "sysctl --quiet --write net.ipv4.ip_forward=1"
    assert [str(a) for a in switches.undo] == ["sysctl --quiet --write net.ipv4.ip_forward=0"]


def test_the_agent_as_a_unit(order: Order) -> None:
    step = list(finish(REAL, order, SIGNED))[-1]
    put, *commands = step.actions
    assert isinstance(put, Put)
    assert (put.path, put.content.decode()) == (PurePosixPath("/etc/systemd/system/wherry-agent.service"), AGENT_UNIT)
    assert [str(command) for command in commands] == [
        "systemctl daemon-reload",
        "systemctl enable --now wherry-agent.service",
        "systemctl restart wherry-agent.service",
    ]
    assert [str(command) for command in step.undo] == [
        "systemctl disable --now wherry-agent.service",
        "rm -f /etc/systemd/system/wherry-agent.service",
        "systemctl daemon-reload",
        "/opt/wherry/current/bin/agent clean",
    ]


def test_a_node_that_joins_again_keeps_its_pods_when_that_fails(order: Order) -> None:
    step = list(finish(replace(BARE, cluster="feed"), order, SIGNED))[-1]
    assert not any("clean" in str(command) for command in step.undo)


def test_the_master_s_own_machine_brings_its_programs_and_does_not_announce_itself(order: Order) -> None:
    home = Home(PurePosixPath("/srv/w"), "/srv/venv/bin/agent", ("supervise", "--root", "/srv/w"), "/wherry/x")
    here = replace(order, home=home)
    steps = [*prepare(BARE, here), request_keys(here, ("192.0.2.1",)), *finish(BARE, here, SIGNED)]
    assert titles(steps)[0] == "container runtime"
    assert titles(announce(BARE, here)) == []
    assert all(path.is_relative_to("/srv/w") for step in steps for path in step.paths)
    assert "/srv/venv/bin/agent run --root /srv/w" in words_of(steps[-1], "wherry-agent.toml")


def words_of(step: Step, name: str) -> str:
    """The argv in the service file that a step puts, as a line."""
    (put,) = (action for action in step.actions if isinstance(action, Put) and action.path.name == name)
    return " ".join(re.findall(r'"([^"]*)"', put.content.decode().splitlines()[0]))


def test_the_agent_s_settings_are_what_it_reads(order: Order, tmp_path: Path) -> None:
    labels = {"room": "cellar", "node-role.kubernetes.io/worker": ""}
    step = next(finish(BARE, replace(order, labels=labels, taints=("a=b:NoSchedule",)), SIGNED))
    (put,) = (action for action in step.actions if isinstance(action, Put) and action.path.name == "agent.toml")
    (tmp_path / "agent.toml").write_bytes(put.content)
    read = read_agent(tmp_path / "agent.toml")
    assert (read.node.name, read.node.taints, read.master.servers) == ("pi-1", ("a=b:NoSchedule",), order.servers)
    assert dict(read.node.labels) == {"room": "cellar"}, "what a node may not say of itself is left to the master"
    assert put.mode == 0o600


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from([b"model", b"arch", b"key", b"id"]), st.binary(max_size=99)),
)
def test_hostile_names_are_printable_and_short(name: bytes, pairs: dict[bytes, bytes]) -> None:
    said = from_txt(name.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(), pairs)
    for text in (said.name, said.model, said.architecture, said.key, said.id):
        assert re.fullmatch(r"[ -~]{0,80}", text)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_a_name_is_one_word_of_a_command_whatever_is_in_it(name: str) -> None:
    order = Order(name, ("https://192.0.2.1:6443",), b"", "feed", ClusterSection(), "1", Path("x"))
    (action,) = request_keys(order, ("192.0.2.2",)).actions
    assert isinstance(action, Run)
    assert shlex.split(shlex.join(action.argv)) == ["/opt/wherry/current/bin/agent", "enrol", name, "192.0.2.2"]


def test_a_script_is_shown_by_what_it_was_given() -> None:
    assert shown(("sh", "-c", "long; script", "sh", "a b")) == "a script with 'a b'"
    assert shown(("rm", "a b")) == "rm 'a b'"
