"""`master up` without --no-node: the machine of the master is a node too, all of it below the root, and `down` takes it away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.network.cni import NETWORK
from kube.layout import Layout
from provisioning.here import own_name
from provisioning.virtual.records import tag

MASTER = Path(sys.prefix) / "bin/master"
SCRIPT = """\
set -e
ip link set lo up
ip link add up0 type veth peer name up1
ip address add 192.0.2.2/24 dev up0
ip link set up0 up; ip link set up1 up
ip route add default via 192.0.2.1
look() {
  iptables-save | grep '^-' > "$2/rules.$1" || true
  ip route show table all | grep -v 'fe80\\|ff00' > "$2/routes.$1"
  ip -o -4 addr > "$2/links.$1"
}
look before "$2"
"$1" up --root "$2" --virtual-nodes 1 --json > "$2/first.json"
"$1" up --root "$2" --virtual-nodes 1 --json > "$2/second.json"
"$1" down --root "$2" --quiet
"$1" up --root "$2" --virtual-nodes 1 --json > "$2/third.json"
"$1" down --root "$2" > "$2/down.txt"
look after "$2"
"""
HOST = ("/etc/cni", "/opt/wherry", "/var/lib/wherry", "/run/wherry", "/var/log/pods", "/etc/wherry")
LEASES = "/var/lib/cni"
"""Other networks of this machine have theirs here too."""


def listing() -> list[str]:
    """What lies where a node's files would be if they were not below the root."""
    ours = (path for path in Path(LEASES).rglob("*") if NETWORK in str(path))
    return sorted(map(str, (*ours, *(path for top in HOST for path in Path(top).rglob("*")))))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("here")
    before = listing()
    try:
        command = ["unshare", "--net", "sh", "-c", SCRIPT, "sh", str(MASTER), str(root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert listing() == before
        yield root
    finally:
        subprocess.run([str(MASTER), "down", "--destroy", "--quiet", "--root", str(root)], check=True)
        shutil.rmtree(root)


def read(root: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / name).read_text())
    return document


@pytest.mark.timeout(300)
def test_the_master_s_machine_is_a_node_that_runs_pods(root: Path) -> None:
    first = read(root, "first.json")
    assert {node["name"]: node["status"] for node in first["nodes"]} == {"node-1": "Ready", own_name(): "Ready"}
    assert {pod["node"] for pod in first["pods"]} == {"node-1", own_name()}
    assert all(answer.startswith("pod web-") for answer in first["answers"].values())
    assert sorted(first["answers"]) == sorted(["node-1", own_name()])


def test_a_second_run_changes_nothing(root: Path) -> None:
    assert [step["title"] for step in read(root, "second.json")["steps"] if step["changed"]] == []


def test_up_after_down_has_the_pods_again(root: Path) -> None:
    again = read(root, "third.json")
    assert {pod["node"] for pod in again["pods"]} == {"node-1", own_name()}
    assert all(answer.startswith("pod web-") for answer in again["answers"].values())


@pytest.mark.parametrize("what", ["rules", "routes", "links"])
def test_down_leaves_the_kernel_as_it_was(root: Path, what: str) -> None:
    assert (root / f"{what}.after").read_text() == (root / f"{what}.before").read_text()


def test_down_leaves_no_process_mount_or_cgroup(root: Path) -> None:
    assert "✓ this machine as a node" in (root / "down.txt").read_text()
    own = os.getpid()
    running = [path for path in Path("/proc").glob("[0-9]*") if path.name != str(own) and mentions(path, str(root))]
    assert running == []
    assert [line for line in Path("/proc/mounts").read_text().splitlines() if str(root) in line] == []
    assert list(Path("/sys/fs/cgroup").glob(f"**/wherry*/{tag(Layout(root))}")) == []


def mentions(process: Path, word: str) -> bool:
    try:
        return word.encode() in (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
