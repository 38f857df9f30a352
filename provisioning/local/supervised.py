"""The services of a root, kept running: by systemd for the system's own root where it runs, else by a supervisor of ours.

They are the master and, where the settings say so, its member of etcd.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from kube.files import write_atomic
from kube.layout import Layout
from provisioning.local.reporting import Trouble
from provisioning.services import Command, under_systemd
from provisioning.supervising.commands import install_service, is_active, status
from provisioning.supervising.control import request
from provisioning.supervising.services import Places, Service
from provisioning.virtual.records import Process

SERVICE = "master"
DESCRIPTIONS = {SERVICE: "wherry's control plane", "etcd": "wherry's store"}
START_SECONDS = 10.0
STOP_SECONDS = 30.0
CRASHES = 3


class Keeper(Protocol):
    """What keeps a service running."""

    @property
    def log(self) -> str:
        """Where the service's words are: a file, or the command that shows them."""

    def runs(self) -> bool:
        """Whether the service's process is up."""

    def ensure(self) -> bool:
        """Have the service kept and running; False where it was."""

    def refuse_crashing(self) -> None:
        """Trouble, with the service's last words, when it ends as often as it is started."""

    def stop(self) -> bool:
        """End the service and whatever keeps it; False where it did not run."""


def keeper_of(layout: Layout, service: Service | None = None) -> Keeper:
    """Of the master, unless another service is given.

    systemd keeps only the system's own services: what lies under another root leaves nothing in /etc.
    """
    kept = service or master_service(layout)
    systemd = layout.root == Path("/") and Path("/run/systemd/system").exists()
    return BySystemd(kept) if systemd else BySupervisor(layout, kept)


def settings_file(layout: Layout) -> Path:
    return layout.config / "master.toml"


def master_service(layout: Layout) -> Service:
    """`master run` from the environment that runs this."""
    program = str(Path(sys.prefix) / "bin/master")
    words = ("run", "--config", str(settings_file(layout).absolute()), "--root", str(layout.root.absolute()))
    return Service(SERVICE, (program, *words), stop_seconds=15.0)


def execute(command: Command) -> tuple[int, str]:
    """Exit code and output of a command."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


@dataclass(frozen=True, slots=True)
class BySystemd:
    """A service as a unit; `run` executes systemctl, `folder` holds the units."""

    service: Service
    run: Callable[[Command], tuple[int, str]] = execute
    folder: Path = Path("/etc/systemd/system")

    @property
    def unit(self) -> str:
        return f"wherry-{self.service.name}"

    @property
    def log(self) -> str:
        return f"journalctl -u {self.unit}"

    def runs(self) -> bool:
        return self.run(("systemctl", "--quiet", "is-active", self.unit))[0] == 0

    def ensure(self) -> bool:
        unit = under_systemd(replace(self.service, name=self.unit), DESCRIPTIONS[self.service.name])
        path = self.folder / unit.path.name
        present = path.read_text() if path.exists() else ""
        changed = present != unit.content or not self.runs()
        if changed:
            write_atomic(path, unit.content.encode(), 0o644)
            for command in unit.begin if present in ("", unit.content) else unit.again:
                self._do(command)
        self._do(("systemctl", "reset-failed", self.unit))  # NRestarts counts from here
        return changed

    def refuse_crashing(self) -> None:
        _, restarts = self.run(("systemctl", "show", "--property=NRestarts", "--value", self.unit))
        if restarts.isdigit() and int(restarts) > CRASHES:
            _, words = self.run(("journalctl", "--no-pager", "--output=cat", "--lines=30", f"--unit={self.unit}"))
            raise Trouble(f"{_called(self.service)} ends at once, saying: {last_words(words)} (see {self.log})")

    def stop(self) -> bool:
        path = self.folder / f"{self.unit}.service"
        if not path.exists():
            return False
        self._do(("systemctl", "disable", "--now", self.unit))
        path.unlink()
        self._do(("systemctl", "daemon-reload"))
        return True

    def _do(self, command: Command) -> None:
        code, said = self.run(command)
        if code:
            raise Trouble(f"{' '.join(command)}: {said}")


@dataclass(frozen=True, slots=True)
class BySupervisor:
    """A service under a supervisor of this root, started as a process of its own."""

    layout: Layout
    service: Service

    @property
    def places(self) -> Places:
        return Places(self.layout.root.absolute())

    @property
    def log(self) -> str:
        return str(self.places.log(self.service.name))

    def runs(self) -> bool:
        return is_active(self.places, self.service.name)

    def ensure(self) -> bool:
        begun = self._ensure_supervisor()
        changed = install_service(self.places, self.service)
        if not self.runs():
            request(self.places, "start", self.service.name)
            changed = True
        return begun or changed

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "provisioning.supervising", "--root", str(self.places.root), "run"]

    def _stray(self) -> Process | None:
        """A supervisor of this root that runs though its socket is gone: someone removed the root first."""
        wanted = "".join(f"{word}\0" for word in self._command()[1:]).encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if path.read_bytes().partition(b"\0")[2] == wanted:
                    return Process.of(int(path.parent.name))
        return None

    def _ensure_supervisor(self) -> bool:
        here = self.places
        if request(here, "status") is not None:
            return False
        log = here.log("supervise")
        log.parent.mkdir(parents=True, exist_ok=True)
        command = self._command()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
            )
        until(lambda: request(here, "status") or process.poll() is not None, START_SECONDS, f"no supervisor: see {log}")
        if process.poll() is not None:
            raise Trouble(f"the supervisor ended at once: see {log}")
        process.returncode = 0  # it outlives us: nobody waits for it
        return True

    def refuse_crashing(self) -> None:
        row = next((row for row in status(self.places) if row["name"] == self.service.name), None)
        if row and row["starts"] > CRASHES and row["last_exit"] and row["seconds"] < 1.0:
            words = last_words(self.places.log(self.service.name).read_text(errors="replace"))
            raise Trouble(f"{_called(self.service)} ends at once, saying: {words} (see {self.log})")

    def stop(self) -> bool:
        reply = request(self.places, "status")
        process = Process.of(reply["pid"]) if reply else self._stray()
        if process is None:
            return False
        os.kill(process.pid, signal.SIGTERM)
        until(lambda: not process.alive, STOP_SECONDS, f"the supervisor (process {process.pid}) does not end")
        return True


def _called(service: Service) -> str:
    return f"the {service.name}" if service.name == SERVICE else service.name


def last_words(log: str) -> str:
    """The last line that says something: an exception group draws a frame around its own."""
    lines = (line.strip(" |+-") for line in reversed(log.splitlines()))
    return next(filter(None, lines), "nothing")


def until(holds: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait for a condition; Trouble says what did not come."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Trouble(otherwise)
        time.sleep(0.02)
