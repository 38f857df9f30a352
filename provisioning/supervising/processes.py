"""Processes of services: start one, signal one, keep its log short."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from provisioning.supervising.children import Child
from provisioning.supervising.services import Places, Service

LOG_BYTES = 8 << 20
PR_SET_PDEATHSIG = 1


def spawn(service: Service, places: Places) -> int:
    """Start the process of a service, in a session of its own; what cannot be executed exits 127."""
    log = places.log(service.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir("/")
        os.execvpe(service.argv[0], service.argv, {**os.environ, **service.env})
    except OSError as error:
        os.write(2, f"{service.argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def send(child: Child, number: signal.Signals) -> None:
    """Signal the child's session leader, or its whole process group."""
    with suppress(ProcessLookupError):
        kill = os.kill if child.service.kill == "process" else os.killpg
        kill(child.pid, number)


def cut_logs(paths: Iterable[Path]) -> None:
    """Copy a log that grew too long aside and empty it; its writers append, so they need not know."""
    for path in paths:
        if path.exists() and path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
