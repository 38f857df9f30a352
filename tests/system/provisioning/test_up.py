"""`master up` and `master down`, whole, in a network namespace of their own: no port and no subnet of this machine is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kube.layout import Layout
from provisioning.down import down
from provisioning.virtual.nodes import all_nodes
from provisioning.virtual.records import tag

MASTER = Path(sys.prefix) / "bin/master"
SCRIPT = """\
set -e
ip link set lo up
timeout --signal=INT 4 "$1" up --root "$2" --virtual-nodes 2 --no-node > "$2/interrupted.txt" 2>&1 || true
"$1" up --root "$2" --virtual-nodes 2 --no-node --json > "$2/first.json"
"$1" up --root "$2" --virtual-nodes 2 --no-node --json > "$2/second.json"
"$1" virtual kill node-2 --root "$2"
"$1" up --root "$2" --virtual-nodes 2 --no-node > "$2/third.txt"
"$1" down --root "$2" > "$2/down.txt"
ip -o link > "$2/links.txt"
ip route show table all > "$2/routes.txt"
"$1" down --root "$2" > "$2/again.txt"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the script ran, with what it wrote."""
    root = tmp_path_factory.mktemp("up")
    try:
        command = ["unshare", "--net", "sh", "-c", SCRIPT, "sh", str(MASTER), str(root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield root
    finally:
        down.main(["--root", str(root), "--quiet", "--destroy"], standalone_mode=False)


def read(root: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((root / name).read_text())
    return document


@pytest.mark.timeout(300)
def test_the_sample_answers_on_each_node(root: Path) -> None:
    first = read(root, "first.json")
    assert first["changed"]
    assert [(node["name"], node["status"]) for node in first["nodes"]] == [("node-1", "Ready"), ("node-2", "Ready")]
    assert sorted(first["answers"]) == ["node-1", "node-2"]
    assert all(answer.startswith("pod web-") for answer in first["answers"].values())
    assert {pod["node"] for pod in first["pods"]} == {"node-1", "node-2"}


def test_an_interrupted_run_says_what_to_do_and_is_taken_up(root: Path) -> None:
    assert "interrupted: run it again to go on" in (root / "interrupted.txt").read_text()
    kept = {step["title"] for step in read(root, "first.json")["steps"] if not step["changed"]}
    assert kept >= {"master", "virtual nodes", "programs for nodes"}


def test_a_second_run_changes_nothing(root: Path) -> None:
    second = read(root, "second.json")
    assert not second["changed"]
    assert [step["title"] for step in second["steps"] if step["changed"]] == []
    assert [pod["name"] for pod in second["pods"]] == [pod["name"] for pod in read(root, "first.json")["pods"]]


def test_a_node_that_was_off_is_switched_on(root: Path) -> None:
    assert "✓ virtual nodes" in (root / "third.txt").read_text()


def test_its_files_lie_where_people_look(root: Path) -> None:
    for name in (
        "kubeconfig",
        "etc/kubernetes/pki/etcd/server.crt",
        "etc/kubernetes/admin.conf",
        "etc/wherry/master.toml",
    ):
        assert (root / name).exists(), name


def test_down_leaves_nothing(root: Path) -> None:
    layout = Layout(root)
    assert [line.split(":")[1].strip() for line in (root / "links.txt").read_text().splitlines()] == ["lo"]
    assert "10." not in (root / "routes.txt").read_text()
    assert [line for line in Path("/proc/mounts").read_text().splitlines() if str(root) in line] == []
    assert list(Path("/sys/fs/cgroup").glob(f"**/wherry/{tag(layout)}")) == []
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(root).encode() in content(path)] == []
    assert [node.record.name for node in all_nodes(layout) if node.process] == []
    assert (root / "again.txt").read_text().splitlines()[-1] == "nothing was up"


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
