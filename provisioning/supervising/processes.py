"""Processes of services: start one, signal one, keep its log short."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from provisioning.supervising.children import Child
from provisioning.supervising.services import Places, Service

LOG_BYTES = 8 << 20
PR_SET_PDEATHSIG = 1


HEEDED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def spawn(service: Service, places: Places) -> int:
    """Start a service as the leader of a process group; what cannot be executed exits 127.

    Signals are held back from the fork until the child has default handlers, so that one sent at once is not lost.
    """
    log = places.log(service.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
    pid = os.fork()
    if pid == 0:
        become(service, log)
    with suppress(PermissionError, ProcessLookupError):  # the child was faster
        os.setpgid(pid, pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
    return pid


def become(service: Service, log: Path) -> NoReturn:
    """Turn this forked process into the service."""
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (*HEEDED, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        for target, source in ((0, os.open("/dev/null", os.O_RDONLY)), (1, output), (2, output)):
            os.dup2(source, target)
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
