"""Every way that `master join` fails: one clear sentence, exit code 1, and the board is as it was."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def untouched(board: Any) -> Any:
    """The board; fails where it, or what the cluster knows of it, is not the same afterwards."""
    before = board.snapshot()
    yield board
    assert board.changes_since(before) == []
    assert board.name not in board.ground.kubectl("get", "nodes", "-o", "name")
    assert board.ground.kubectl("get", "csr", "-o", "name") == ""


def test_a_name_that_is_not_heard(ground: Any) -> None:
    assert "nobody-here: not heard on this network; see `master discover`" in ground.refused("nobody-here")


def test_an_address_where_nothing_answers(ground: Any) -> None:
    assert "10.99.0.250:22: cannot be reached: No route to host" in ground.refused(
        "10.99.0.250", "--host-key", "SHA256:x"
    )


def test_a_port_where_no_sshd_answers(ground: Any, untouched: Any) -> None:
    sentence = ground.refused(untouched.name, "--port", "2222")
    assert f"{untouched.name}: {untouched.address}:2222: cannot be reached: Connection refused" in sentence


def test_a_wrong_password(ground: Any, untouched: Any) -> None:
    sentence = ground.refused(untouched.name, "--ask-password", stdin="not the password\n")
    assert "user root is refused with this password; give --user, and --identity FILE or --ask-password" in sentence


def test_a_wrong_key(ground: Any, untouched: Any, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    assert "user root is refused with this key" in ground.refused(untouched.name, "--identity", tmp_path / "key")
    assert "no such key file" in ground.refused(untouched.name, "--identity", tmp_path / "none")


def test_another_host_key_than_the_recorded_one(ground: Any, board: Any, until: Any) -> None:
    board.console(
        "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key;"
        " wherry-supervise restart sshd"
    )
    before = board.snapshot()
    assert "it shows another host key than the one recorded for it" in ground.refused(board.name)
    assert board.changes_since(before) == []
    rows = ground.master("discover").stdout
    assert re.search(rf"^{board.name} .* conflict$", rows, re.MULTILINE)


def test_an_unproven_machine_without_a_terminal(ground: Any, untouched: Any) -> None:
    assert "it is not proven: give its host key with --host-key" in ground.refused(untouched.address)


def test_a_host_key_that_is_not_the_given_one(ground: Any, untouched: Any) -> None:
    sentence = ground.refused(untouched.address, "--host-key", "SHA256:0000")
    assert re.search(r"it shows the host key SHA256:\S{43}, not SHA256:0000; this is another machine", sentence)


def test_a_machine_of_another_cluster(ground: Any, board: Any) -> None:
    board.console("echo feedfeedfeedfeed > /var/lib/wherry/cluster-id")
    before = board.snapshot()
    assert "it belongs to another cluster; reset it there first" in ground.refused(board.name)
    assert board.changes_since(before) == []


def test_a_full_disk(ground: Any, board: Any) -> None:
    board.console("mount -t tmpfs -o size=3m tmpfs /opt/wherry")
    before = board.snapshot()
    assert "its disk has 3 MiB free at /opt/wherry and 150 are needed; free some space" in ground.refused(board.name)
    assert board.changes_since(before) == []


def test_a_disk_that_gets_full_half_way(ground: Any, board: Any) -> None:
    """Blocks are free, so that it is let in, but there is no room for so many files."""
    board.console("mount -t tmpfs -o size=300m,nr_inodes=200 tmpfs /opt/wherry")
    before = board.snapshot()
    sentence = ground.refused(board.name)
    assert "No space left on device" in sentence
    assert sentence.endswith("; the machine is as it was")
    assert board.changes_since(before) == []


def test_a_runtime_that_does_not_start(ground: Any, board: Any) -> None:
    board.console("mount --bind /bin/false /usr/bin/containerd")
    before = board.snapshot()
    sentence = ground.refused(board.name)
    assert "containerd does not start" in sentence
    assert sentence.endswith("; the machine is as it was")
    assert board.changes_since(before) == []


def test_no_cluster_to_join(ground: Any, tmp_path: Path) -> None:
    done = ground.run(ground.command, "join", "node-1", "--root", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: no cluster at {tmp_path}: there is no {tmp_path}/etc/kubernetes/admin.conf; run `master up` first\n",
    )
