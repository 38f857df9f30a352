"""Joins that are stopped in the middle, by the operator or by the cluster; then the way it should go, twice."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(240)


def started(process: Any, title: str) -> list[str]:
    """What was told up to a step's beginning."""
    told = []
    for line in process.stderr:
        told.append(line)
        if title in line:
            return told
    raise AssertionError(f"{title} was never begun: {told}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["terminated", "Ctrl-C"])
@pytest.mark.parametrize("title", ["programs", "container runtime", "settings and certificates", "waiting until"])
def test_a_join_that_is_interrupted_is_undone(ground: Any, board: Any, title: str, number: int) -> None:
    before = board.snapshot()
    process = ground.start("join", board.name)
    started(process, title)
    process.send_signal(number)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, rest
    assert rest.splitlines()[-1] == "interrupted; what was begun was undone"
    assert board.changes_since(before) == []
    assert board.name not in ground.kubectl("get", "nodes", "-o", "name")


def test_a_master_that_ends_in_the_middle(ground: Any, board: Any, until: Any) -> None:
    before = board.snapshot()
    process = ground.start("join", board.name)
    started(process, "container runtime")
    supervise = ("-m", "provisioning.supervising", "--root", ground.root)
    python = ground.command.with_name("python")
    ground.run(python, *supervise, "stop", "master")
    try:
        rest = process.communicate(timeout=60)[1]
        assert process.returncode == 1, rest
        last = rest.splitlines()[-1]
        assert f"Error: {board.name}: Cannot connect to host" in last
        assert f"the API does not answer: if it knows a node {board.name}, delete that" in last
        assert board.changes_since(before) == []
        again = ground.refused(board.name)
        assert again.startswith("Error: the API cannot be reached: Cannot connect to host")
        found = ground.master("discover", "--json")
        assert "the API does not answer, so no board can be called proven" in found.stderr
        assert board.name in found.stdout
    finally:
        ground.run(python, *supervise, "start", "master")
    until(
        lambda: (
            ground.run(
                ground.command.with_name("kubectl"),
                "--kubeconfig",
                ground.root / "kubeconfig",
                "get",
                "--raw",
                "/readyz",
            ).returncode
            == 0
        ),
        "the API again",
    )


def test_a_board_joins_once_and_then_there_is_nothing_to_do(ground: Any, board: Any, until: Any) -> None:
    dry = ground.master("join", board.name, "--dry-run").stdout
    assert f"{board.name}: would programs" in dry
    assert f"{board.name}: would agent: write /etc/wherry/services/wherry-agent.toml" in dry
    assert ground.kubectl("get", "nodes", "-o", "name").count(board.name) == 0
    label = "node-role.kubernetes.io/worker="
    done = ground.master("join", board.name, "--label", "room=cellar", "--label", label, "--json")
    assert json.loads(done.stdout) == [{"name": board.name, "changed": True, "planned": []}]
    labels = json.loads(ground.kubectl("get", "node", board.name, "-o", "json"))["metadata"]["labels"]
    assert (labels["room"], labels["node-role.kubernetes.io/worker"]) == ("cellar", "")
    before = board.snapshot()
    for said in (board.name, board.address):
        again = ground.master("join", said)
        assert (again.returncode, again.stdout) == (0, f"{board.name}: is a node already and Ready: nothing to do\n")
    assert board.changes_since(before) == []
    assert "wherry-master" not in board.console("cat /root/.ssh/authorized_keys")


def test_a_password_will_do_where_the_key_is_known(ground: Any, board: Any) -> None:
    board.console(
        "echo root:right | chpasswd; sed -i 's/prohibit-password/yes/' /etc/ssh/sshd_config; wherry-supervise restart sshd"
    )
    done = ground.master("join", board.name, "--ask-password", stdin="right\n")
    assert (done.returncode, done.stdout) == (0, f"{board.name}: joined and Ready\n"), done.stderr


def test_an_unproven_board_joins_by_its_host_key(ground: Any, board: Any) -> None:
    shown = board.console("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    done = ground.master("join", board.address, "--host-key", shown)
    assert (done.returncode, done.stdout) == (0, f"{board.name}: joined and Ready\n"), done.stderr


def test_the_code_on_its_console_proves_a_board(ground: Any, board: Any) -> None:
    """At a terminal; another code is refused before anything is sent."""
    code = board.console("PATH=/usr/bin:/bin; grep -o '[^\"]*bin/agent' /etc/wherry/services/wherry-announce.toml")
    right = board.console(f"{code.strip()} code").strip()
    wrong = "AAAA-AAAA" if right != "AAAA-AAAA" else "BBBB-BBBB"
    assert at_terminal(ground, board, wrong)[0] == 1
    status, said = at_terminal(ground, board, right.lower())
    assert status == 0, said
    assert right not in said


def at_terminal(ground: Any, board: Any, typed: str) -> tuple[int, str]:
    """The exit code and the words of a join at a terminal, with one line typed."""
    pid, terminal = os.forkpty()
    if pid == 0:
        words = ground.words(ground.command, "join", board.address, "--root", ground.root)
        os.execvp(words[0], words)
    said = b""
    while chunk := read(terminal):
        said += chunk
        if typed and b"`agent code`:" in said:
            os.write(terminal, typed.encode() + b"\n")
            typed = ""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said.decode().replace(typed, "")


def read(terminal: int) -> bytes:
    """What a terminal says next; nothing once its program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
