"""The supervisor: service files, the plan for a child, and the real loop over real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.supervising.children import Action, Child, backoff, plan
from provisioning.supervising.commands import control, install_service, remove_service, status
from provisioning.supervising.control import request
from provisioning.supervising.packing import packed_supervisor
from provisioning.supervising.services import Places, Service, parse_service, render_service

SLEEPER = ("sleep", "1000")


def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.01)


def test_a_service_file_reads_back_as_it_was_written() -> None:
    service = Service("x", ("/bin/echo", 'a "b" ü \\'), {"A B": "1", "Z": "ä"}, ("sshd",), 3.0, "process")
    assert parse_service("x", render_service(service)) == service


@pytest.mark.parametrize(
    "text",
    ["", "argv = []", "argv = 'ls'", "argv = ['ls']\nkill = 'all'", "argv = ['ls']\nrestart = true", "argv = ["],
)
def test_a_bad_service_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_service("x", text)


def test_backoff_doubles_and_is_bounded() -> None:
    assert [backoff(n) for n in (0, 1, 2, 3, 99)] == [0.0, 0.1, 0.2, 0.4, 15.0]


def test_who_had_come_up_is_back_within_a_second_however_often_it_is_killed() -> None:
    assert backoff(99, lived=1.5) == 1.0


CHILD = Service("x", SLEEPER, after=("first",), stop_seconds=2.0)


@pytest.mark.parametrize(
    ("child", "now", "started", "action"),
    [
        (Child(CHILD), 0.0, (), None),
        (Child(CHILD), 0.0, ("first",), Action.SPAWN),
        (Child(CHILD, due=5.0), 4.9, ("first",), None),
        (Child(CHILD, wanted=False), 9.0, ("first",), None),
        (Child(CHILD, pid=7), 9.0, (), None),
        (Child(CHILD, pid=7, wanted=False), 9.0, (), Action.TERMINATE),
        (Child(CHILD, pid=7, restarting=True), 9.0, (), Action.TERMINATE),
        (Child(CHILD, pid=7, wanted=False, told=8.0), 9.0, (), None),
        (Child(CHILD, pid=7, wanted=False, told=8.0), 10.0, (), Action.KILL),
    ],
)
def test_the_next_action(child: Child, now: float, started: tuple[str, ...], action: Action | None) -> None:
    assert plan(child, now, started) is action


def test_quick_ends_are_counted_and_a_steady_run_forgets_them() -> None:
    child = Child(CHILD, pid=7, started=10.0, failures=2)
    child.exited(1, 11.0)
    assert (child.failures, child.due) == (3, 11.4)
    child.pid = 8
    child.started = 20.0
    child.exited(1, 30.0)
    assert (child.failures, child.due) == (0, 30.1)


def test_a_start_forgets_earlier_failures() -> None:
    child = Child(CHILD, failures=4, starts=5, last_exit=1, due=99.0)
    child.asked("start", 3.0)
    assert (child.failures, child.starts, child.last_exit, child.due) == (0, 0, None, 3.0)


def test_a_restart_of_what_runs_keeps_its_history() -> None:
    child = Child(CHILD, pid=7, starts=5)
    child.asked("restart", 3.0)
    assert (child.restarting, child.starts) == (True, 5)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """A running supervisor of a root of its own, from its packed form."""
    program = tmp_path / "wherry-supervise"
    program.write_bytes(packed_supervisor())
    places = Places(tmp_path / ("deep" * 30))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-I", program, "--root", places.root, "run"], stderr=log)
    until(lambda: places.run.exists() and request(places, "status"))
    yield places
    process.terminate()
    assert process.wait(10) == 0
    assert not places.socket.exists()


def row(places: Places, name: str) -> dict[str, object]:
    return next(row for row in status(places) if row["name"] == name)


def test_a_killed_service_is_back_within_a_second(places: Places) -> None:
    assert install_service(places, Service("x", SLEEPER))
    assert not install_service(places, Service("x", SLEEPER))
    for _ in range(3):
        until(lambda: row(places, "x")["state"] == "running")
        starts = row(places, "x")["starts"]
        os.kill(int(str(row(places, "x")["pid"])), signal.SIGKILL)
        until(lambda starts=starts: row(places, "x")["starts"] != starts, 1.0)


def test_a_service_is_stopped_started_restarted_and_removed(places: Places) -> None:
    install_service(places, Service("x", SLEEPER))
    control(places, "stop", "x")
    assert row(places, "x")["state"] == "stopped"
    control(places, "start", "x")
    before = row(places, "x")["pid"]
    control(places, "restart", "x")
    assert row(places, "x")["pid"] not in (0, before)
    assert remove_service(places, "x")
    assert status(places) == []


def test_one_that_ignores_sigterm_is_killed(places: Places) -> None:
    stubborn = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done")
    install_service(places, Service("x", stubborn, stop_seconds=0.2))
    until(lambda: places.log("x").exists() and "ready" in places.log("x").read_text())
    control(places, "stop", "x")
    assert row(places, "x")["last_exit"] == -9


def test_what_cannot_be_executed_says_so_in_its_log(places: Places) -> None:
    install_service(places, Service("x", ("/no/such/program",)))
    until(lambda: row(places, "x")["last_exit"] == 127)
    assert "No such file" in places.log("x").read_text()


def test_a_changed_definition_is_used_at_once(places: Places) -> None:
    install_service(places, Service("x", SLEEPER))
    install_service(places, Service("x", ("sh", "-c", "echo $WORD; exec sleep 1000"), {"WORD": "changed"}))
    until(lambda: "changed" in places.log("x").read_text())


def test_an_unknown_service_is_refused_by_name(places: Places) -> None:
    with pytest.raises(ValueError, match="no service is named y"):
        control(places, "start", "y")
