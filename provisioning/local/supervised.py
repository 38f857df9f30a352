"""The master of a root, kept running by a supervisor of its own: started, found again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kube.layout import Layout
from provisioning.local.reporting import Trouble
from provisioning.supervising.commands import install_service, is_active, status
from provisioning.supervising.control import request
from provisioning.supervising.services import Places, Service
from provisioning.virtual.records import Process

SERVICE = "master"
START_SECONDS = 10.0
STOP_SECONDS = 30.0
CRASHES = 3


def places(layout: Layout) -> Places:
    return Places(layout.root.absolute())


def settings_file(layout: Layout) -> Path:
    return layout.config / "master.toml"


def master_service(layout: Layout) -> Service:
    """`master run` from the environment that runs this."""
    program = str(Path(sys.prefix) / "bin/master")
    words = ("run", "--config", str(settings_file(layout).absolute()), "--root", str(layout.root.absolute()))
    return Service(SERVICE, (program, *words), stop_seconds=15.0)


def runs(layout: Layout) -> bool:
    """Whether the master's process is up."""
    return is_active(places(layout), SERVICE)


def ensure_supervisor(layout: Layout) -> bool:
    """Start the supervisor of this root; False where it runs."""
    here = places(layout)
    if request(here, "status") is not None:
        return False
    log = here.log("supervise")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "provisioning.supervising", "--root", str(here.root), "run"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )
    until(lambda: request(here, "status") or process.poll() is not None, START_SECONDS, f"no supervisor: see {log}")
    if process.poll() is not None:
        raise Trouble(f"the supervisor ended at once: see {log}")
    process.returncode = 0  # it outlives us: nobody waits for it
    return True


def ensure_master(layout: Layout) -> bool:
    """Have the master supervised and running; False where it was."""
    here = places(layout)
    begun = ensure_supervisor(layout)
    changed = install_service(here, master_service(layout))
    if not runs(layout):
        request(here, "start", SERVICE)
        changed = True
    return begun or changed


def refuse_crashing(layout: Layout) -> None:
    """Trouble, with the master's last words, when it has ended CRASHES times since its supervisor started."""
    here = places(layout)
    row = next((row for row in status(here) if row["name"] == SERVICE), None)
    if row and row["starts"] > CRASHES and row["last_exit"] and row["seconds"] < 1.0:
        words = last_words(here.log(SERVICE).read_text(errors="replace"))
        raise Trouble(f"the master ends at once, saying: {words} (see {here.log(SERVICE)})")


def last_words(log: str) -> str:
    """The last line that says something: an exception group draws a frame around its own."""
    lines = (line.strip(" |+-") for line in reversed(log.splitlines()))
    return next(filter(None, lines), "nothing")


def stop(layout: Layout) -> bool:
    """End the supervisor and all that it runs; False where none ran."""
    reply = request(places(layout), "status")
    process = Process.of(reply["pid"]) if reply else None
    if process is None:
        return False
    os.kill(process.pid, signal.SIGTERM)
    until(lambda: not process.alive, STOP_SECONDS, f"the supervisor (process {process.pid}) does not end")
    return True


def until(holds: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait for a condition; Trouble says what did not come."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Trouble(otherwise)
        time.sleep(0.02)
