"""`master up` and `master down`, the pure parts: what stands in the way, the settings, the report."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from kube.config import ApiSection, MasterConfig
from kube.layout import Layout
from provisioning.down import down
from provisioning.images.keeping import archive_path, ensure_archive
from provisioning.local import sample, supervised
from provisioning.local.parts import link_kubeconfig
from provisioning.local.preflight import PROGRAMS, Facts, check, is_taken, overlapping, troubles
from provisioning.local.raising import advertised, image_names
from provisioning.local.reporting import Steps, Trouble
from provisioning.up import node_row, pod_row, up
from provisioning.virtual.network import Network

FIT = Facts(file_systems=frozenset({"overlay"}), programs=frozenset(PROGRAMS))
SETTINGS = Path("/x/master.toml")
MASTER = supervised.master_service(Layout(Path("/")))


def nets(*names: str) -> tuple[ipaddress.IPv4Network, ...]:
    return tuple(ipaddress.IPv4Network(name) for name in names)


def test_a_fit_machine_has_no_troubles() -> None:
    assert troubles(FIT, MasterConfig(), SETTINGS) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(FIT, programs=FIT.programs - {"runc", "ip"}), "apt-get install iproute2 runc"),
        (replace(FIT, file_systems=frozenset()), "modprobe overlay"),
        (replace(FIT, taken_ports=(("[api] port", 6443),)), "or set [api] port in /x/master.toml"),
        (
            replace(FIT, routes=nets("10.42.0.0/15")),
            "pod_cidr 10.42.0.0/16 overlaps this machine's route to 10.42.0.0/15",
        ),
        (replace(FIT, routes=nets("10.0.0.0/8")), "set another in /x/master.toml"),
        (replace(FIT, free_bytes=1 << 20), "only 1 MiB of disk are free"),
    ],
    ids=["programs", "overlay", "port", "pods", "services", "disk"],
)
def test_what_stands_in_the_way_is_one_sentence(facts: Facts, words: str) -> None:
    with pytest.raises(Trouble) as caught:
        check(facts, MasterConfig(), SETTINGS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_clusters_own_routes_do_not_overlap() -> None:
    assert overlapping("10.42.0.0/16", nets("10.42.1.0/24"), "") == ""
    assert overlapping("10.42.0.0/16", nets("10.0.0.0/8"), "10.0.0.0/8") == ""
    assert overlapping("10.42.0.0/16", nets("192.168.0.0/16", "10.42.0.0/15"), "") == "10.42.0.0/15"


def test_a_port_that_is_listened_on_is_taken() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert is_taken(server.getsockname()[1])


def test_the_bridge_is_advertised_once() -> None:
    network = Network("wh-x", "10.99.3.0/24")
    config = advertised(MasterConfig(api=ApiSection(advertise=("192.0.2.1",))), network)
    assert config.api.advertise == ("192.0.2.1", "10.99.3.1")
    assert advertised(config, network) is config
    assert advertised(config, None) is config
    moved = advertised(config, Network("wh-x", "10.99.4.0/24"), network)
    assert moved.api.advertise == ("192.0.2.1", "10.99.4.1")


def test_a_step_is_timed_and_told() -> None:
    lines: list[str] = []
    ticks = iter((0.0, 1.0, 3.5, 4.0, 5.0, 6.0, 7.0))
    steps = Steps(lines.append, lambda: next(ticks))
    with steps.step("one") as step:
        step.done(True, "made")
    with steps.step("two"):
        pass
    with pytest.raises(Trouble), steps.step("three"):
        raise Trouble("no")
    assert [line.split() for line in lines] == [
        ["✓", "one", "2.5", "s", "made"],
        ["·", "two", "1.0", "s", "as", "it", "was"],
        ["✗", "three", "1.0", "s", "failed"],
    ]
    assert steps.changed


def test_the_master_is_run_with_this_root_and_its_settings() -> None:
    argv = supervised.master_service(Layout(Path("/r"))).argv
    assert argv[0].endswith("/bin/master")
    assert argv[1:] == ("run", "--config", "/r/etc/wherry/master.toml", "--root", "/r")


def test_systemd_keeps_the_systems_own_master(tmp_path: Path) -> None:
    called: list[tuple[str, ...]] = []

    def systemctl(command: tuple[str, ...]) -> tuple[int, str]:
        called.append(command)
        return 0, ""

    keeper = supervised.BySystemd(MASTER, systemctl, tmp_path)
    assert keeper.ensure()
    assert "ExecStart=" in (tmp_path / "wherry-master.service").read_text()
    assert ("systemctl", "enable", "--now", "wherry-master.service") in called
    assert not keeper.ensure()
    assert keeper.stop()
    assert not keeper.stop()
    assert list(tmp_path.iterdir()) == []


def test_only_starts_of_now_count_as_crashes(tmp_path: Path) -> None:
    restarts = 7

    def systemctl(command: tuple[str, ...]) -> tuple[int, str]:
        nonlocal restarts
        if command[1] == "reset-failed":
            restarts = 0
        return 0, str(restarts)

    keeper = supervised.BySystemd(MASTER, systemctl, tmp_path)
    for changed in (True, False):
        restarts = 7
        assert keeper.ensure() is changed
        keeper.refuse_crashing()


def test_a_refusal_of_systemd_is_told(tmp_path: Path) -> None:
    keeper = supervised.BySystemd(MASTER, lambda command: (1, "no such bus"), tmp_path)
    with pytest.raises(Trouble, match="no such bus"):
        keeper.ensure()


def test_a_crashing_unit_is_told_with_its_last_words(tmp_path: Path) -> None:
    answers = {"systemctl": (0, "7"), "journalctl": (0, "started\nno disk\n")}
    keeper = supervised.BySystemd(MASTER, lambda command: answers[command[0]], tmp_path)
    with pytest.raises(Trouble, match="saying: no disk"):
        keeper.refuse_crashing()


def test_a_crashing_masters_last_words_are_found_in_a_traceback() -> None:
    log = "x\n    | ImportError: no name\n    +------------------------------------\n"
    assert supervised.last_words(log) == "ImportError: no name"
    assert supervised.last_words("") == "nothing"


def test_the_kubeconfig_at_the_top_is_the_admins(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for _ in range(2):
        path = link_kubeconfig(layout)
        assert path.parent / path.readlink() == layout.admin_conf


def test_the_sample_selects_its_own_pods() -> None:
    template = sample.deployment(4)["spec"]["template"]
    assert template["metadata"]["labels"].items() >= sample.service()["spec"]["selector"].items()
    assert template["spec"]["containers"][0]["image"] == sample.IMAGE


NODE = {
    "metadata": {"name": "node-1"},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.99.0.11"}],
        "capacity": {"cpu": "1", "memory": "1048576Ki"},
        "conditions": [{"type": "Ready", "status": "True"}],
        "images": [{"names": ["wherry.local/web:1"]}],
        "nodeInfo": {"kubeletVersion": "v1.36.0"},
    },
}


def test_rows_of_the_tables() -> None:
    assert list(node_row(NODE).values()) == ["node-1", "Ready", "10.99.0.11", "1", "1048576Ki", "v1.36.0"]
    assert node_row({"metadata": {"name": "new"}})["status"] == "NotReady"
    pod = {"metadata": {"namespace": "default", "name": "p"}, "spec": {}, "status": {"phase": "Pending"}}
    assert list(pod_row(pod).values()) == ["default", "p", "Pending", "", ""]
    assert image_names(NODE) == {"wherry.local/web:1"}


def test_down_on_nothing_says_so(tmp_path: Path) -> None:
    answer = CliRunner().invoke(down, ["--root", str(tmp_path)])
    assert answer.exit_code == 0
    assert "nothing was up" in answer.output


def test_down_needs_no_settings_that_can_be_read(tmp_path: Path) -> None:
    settings = supervised.settings_file(Layout(tmp_path))
    settings.parent.mkdir(parents=True)
    settings.write_text("[store\n")
    answer = CliRunner().invoke(down, ["--root", str(tmp_path)])
    assert (answer.exit_code, "nothing was up" in answer.output) == (0, True)


def test_down_quietly(tmp_path: Path) -> None:
    answer = CliRunner().invoke(down, ["--root", str(tmp_path), "-q"])
    assert (answer.exit_code, answer.output) == (0, "")


def test_up_refuses_nonsense() -> None:
    assert CliRunner().invoke(up, ["--virtual-nodes", "-1"]).exit_code == 2


def test_the_archive_of_our_images_is_made_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert ensure_archive(layout)
    assert not ensure_archive(layout)
    archive_path(layout).write_bytes(b"damaged")
    assert ensure_archive(layout)
