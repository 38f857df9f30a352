"""The supervisor's loop: reads the services, does what `plan` says, reaps whatever ends."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from provisioning.supervising.children import Action, Child, plan
from provisioning.supervising.control import listening
from provisioning.supervising.processes import cut_logs, send, spawn
from provisioning.supervising.services import Places, Service, parse_service

SWEEP_SECONDS = 5.0


class Supervisor:
    """The loop: reads the services, does what `plan` says, reaps whatever ends."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.children: dict[str, Child] = {}
        self.ending = False

    def reload(self) -> None:
        """Read the folder again; a changed definition counts from the next start, a removed one is stopped."""
        found: dict[str, Service] = {}
        for path in sorted(self.places.services.glob("*.toml")):
            try:
                found[path.stem] = parse_service(path.stem, path.read_text())
            except (ValueError, OSError) as error:
                say(f"service={path.stem} refused: {error}")
        for name, service in found.items():
            self.children.setdefault(name, Child(service)).service = service
        for name, child in self.children.items():
            child.wanted = (child.wanted or child.removed) and name in found
            child.removed = name not in found
        self.forget()

    def forget(self) -> None:
        """Drop what was removed and has ended."""
        self.children = {name: child for name, child in self.children.items() if child.pid or not child.removed}

    def step(self, now: float) -> None:
        """Do what is due for every child; again when one was started, since others may have waited for it."""
        spawned = True
        while spawned:
            actions = [self._advance(child, now) for child in self.children.values()]
            spawned = Action.SPAWN in actions

    def _advance(self, child: Child, now: float) -> Action | None:
        running = {name for name, other in self.children.items() if other.pid}
        absent = set(child.service.after) - set(self.children)
        action = plan(child, now, running | absent)
        if action is Action.SPAWN:
            child.pid, child.started, child.starts = spawn(child.service, self.places), now, child.starts + 1
            say(f"service={child.service.name} pid={child.pid} started")
        elif action is Action.TERMINATE:
            child.told = now
            send(child, signal.SIGTERM)
        elif action is Action.KILL:
            send(child, signal.SIGKILL)
        return action

    def reap(self, now: float) -> None:
        """Collect every ended process, ours or an orphan's."""
        by_pid = {child.pid: child for child in self.children.values() if child.pid}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if child := by_pid.get(pid):
                child.exited(os.waitstatus_to_exitcode(status), now)
                say(f"service={child.service.name} pid={pid} ended code={child.last_exit}")

    def answer(self, request: dict[str, Any], now: float) -> dict[str, Any]:
        """Serve one request: `{"do": "status|reload|start|stop|restart", "name": …}`."""
        verb, name = request.get("do"), str(request.get("name", ""))
        if verb != "status":
            self.reload()
        if verb in ("start", "stop", "restart"):
            child = self.children.get(name)
            if child is None:
                return {"error": f"no service is named {name}"}
            child.asked(verb, now)
        elif verb not in ("status", "reload"):
            return {"error": f"unknown request {verb}"}
        self.step(now)
        return {"pid": os.getpid(), "services": [self._row(child, now) for child in self.children.values()]}

    @staticmethod
    def _row(child: Child, now: float) -> dict[str, Any]:
        return {
            "name": child.service.name,
            "state": child.state,
            "pid": child.pid,
            "starts": child.starts,
            "seconds": round(now - child.started, 1) if child.pid else 0.0,
            "last_exit": child.last_exit,
        }

    def rest(self, now: float) -> float:
        """Seconds until something is due, SWEEP_SECONDS at most; what is due already waits for an event."""
        dues = [child.due for child in self.children.values() if child.wanted and not child.pid]
        dues += [child.told + child.service.stop_seconds for child in self.children.values() if child.told]
        return min([due - now for due in dues if due > now], default=SWEEP_SECONDS)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then stop every service and return."""
        with listening(self.places) as server, waking() as wakened, selectors.DefaultSelector() as ready:
            ready.register(server, selectors.EVENT_READ)
            ready.register(wakened, selectors.EVENT_READ)
            self.reload()
            while not (self.ending and not any(child.pid for child in self.children.values())):
                self.step(time.monotonic())
                for key, _ in ready.select(self.rest(time.monotonic())):
                    if key.fileobj is server:
                        self._serve(server)
                    else:
                        self._heed(wakened.recv(64))
                self.reap(time.monotonic())
                self.forget()
                cut_logs(self.places.log(name) for name in self.children)

    def _heed(self, signals: bytes) -> None:
        if signal.SIGHUP in signals:
            self.reload()
        if signal.SIGTERM in signals or signal.SIGINT in signals:
            self.ending = True
            for child in self.children.values():
                child.wanted = False

    def _serve(self, server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(1.0)
            try:
                request = json.loads(connection.makefile("r").readline())
                reply = self.answer(request, time.monotonic())
                connection.sendall(json.dumps(reply).encode() + b"\n")
            except (OSError, ValueError, AttributeError) as error:
                say(f"request refused: {error}")


@contextmanager
def waking() -> Iterator[socket.socket]:
    """A socket that becomes readable, with the numbers, when a signal arrives."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        yield reader
        signal.set_wakeup_fd(-1)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
