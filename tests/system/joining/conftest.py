"""A master in a network namespace of its own, and bare virtual nodes with their real sshd, to be joined and to fail."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kube.layout import Layout
from provisioning.virtual.records import Places

BIN = Path(sys.prefix) / "bin"
TRANSIENT = re.compile(r"^(var/log|var/cache|tmp)/|/(utmp|lastlog)\b|/__pycache__/")
"""Files that come and go by themselves."""
SNAPSHOT = r"""
find /etc/wherry /opt /var/lib/wherry /run/wherry /etc/cni /var/log/pods /etc/sysctl.d /etc/modules-load.d 2>/dev/null | sort
cat /root/.ssh/authorized_keys /proc/sys/net/ipv4/ip_forward
wherry-supervise status | grep name
ip -br link | cut -d' ' -f1
ip route
iptables-save | grep -v '^[#:]'
"""
"""What a board has in our folders, runs and does in its kernel, as text."""


@dataclass(frozen=True)
class Ground:
    """A cluster as its operator uses it."""

    root: Path
    net: str
    command: Path = BIN / "master"

    def words(self, *argv: object) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.net}", *map(str, argv)]

    def run(self, *argv: object, stdin: str = "", seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*argv), input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )

    def master(self, command: str, *argv: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.run(self.command, *command.split(), *argv, "--root", self.root, stdin=stdin)

    def start(self, command: str, *argv: object) -> subprocess.Popen[str]:
        words = self.words(self.command, *command.split(), *argv, "--root", self.root)
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def kubectl(self, *argv: object) -> str:
        done = self.run(BIN / "kubectl", "--kubeconfig", self.root / "kubeconfig", *argv)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *argv: object, stdin: str = "") -> str:
        """What `master join` says when it fails: one line, after its progress."""
        done = self.master("join", *argv, stdin=stdin)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        *_, last = done.stderr.splitlines()
        return last


@dataclass(frozen=True)
class Board:
    """A bare virtual node."""

    ground: Ground
    name: str
    address: str

    def console(self, script: str, check: bool = True) -> str:
        words = ("--root", self.ground.root, self.name, "--", "sh", "-c", script)
        done = self.ground.run(BIN / "master", "virtual", "exec", *words)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def snapshot(self) -> list[str]:
        """What makes the board what it is; its disk is what its overlay holds beside the machine's own files."""
        upper = Places.of(Layout(self.ground.root), self.name).upper
        files = (path for path in upper.rglob("*") if not path.is_dir() or path.is_symlink())
        on_disk = (f"{path.relative_to(upper)} {path.lstat().st_mode:o}" for path in files)
        return [
            *sorted(line for line in on_disk if not TRANSIENT.search(line)),
            *self.console(SNAPSHOT, check=False).splitlines(),
        ]

    def changes_since(self, before: list[str]) -> list[str]:
        """What is not as in this snapshot."""
        now = self.snapshot()
        return [line for line in difflib.ndiff(before, now) if not line.startswith("  ")]


@pytest.fixture(scope="session")
def until() -> Callable[..., object]:
    def wait(condition: Callable[[], object], what: str, seconds: float = 40.0) -> object:
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"{what} did not come within {seconds} s"
            time.sleep(0.05)
        return found

    return wait


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    net = f"wj{os.getpid()}"
    with contextlib.ExitStack() as undo:
        subprocess.run(["ip", "netns", "add", net], check=True)
        undo.callback(subprocess.run, ["ip", "netns", "delete", net], check=True)
        ground = Ground(tmp_path_factory.mktemp("joining"), net)
        undo.callback(shutil.rmtree, ground.root, ignore_errors=True)
        ground.run("ip", "link", "set", "lo", "up")
        undo.callback(lambda: ground.master("down", "--destroy"))
        done = ground.master("up --virtual-nodes 1 --no-node --no-sample")
        assert done.returncode == 0, done.stdout + done.stderr
        yield ground


@pytest.fixture
def board(ground: Ground, until: Callable[..., object], request: pytest.FixtureRequest) -> Iterator[Board]:
    """Bare, announced, reached; gone afterwards."""
    name = f"b-{abs(hash(request.node.name)) % 10**6}"
    done = ground.master("virtual create", name)
    assert done.returncode == 0, done.stderr
    try:
        address = done.stdout.split()[1]
        board = Board(ground, name, address)
        ground.run("ip", "neigh", "flush", "all")  # a former board had this address
        until(lambda: board.console("ss -Hltn 'sport = :22'"), "the board's sshd")
        yield board
    finally:
        ground.master("virtual destroy", name)
        ground.kubectl("delete", "node", name, "--ignore-not-found")
