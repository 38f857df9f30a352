"""Logs of running containers kept small: a file that has grown is put aside, and the oldest of those go.

How it works: every second each log's size is looked at.  One beyond the limit is renamed and the runtime told to open its log
anew; what follows a log notices the new file.  Files put aside stay while they are few and all together small, so that a
flood takes no more of the disk than `files` times `bytes` and what it writes in a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.runtime.contract import Runtime, RuntimeFailure

log = logging.getLogger(__name__)

PERIOD = 1.0


@dataclass(frozen=True, slots=True)
class LogLimits:
    """A log is put aside at `bytes`; with the one that is written, at most `files` are kept."""

    bytes: int = 10 << 20
    files: int = 5


@dataclass(frozen=True, slots=True)
class Log:
    container_id: str
    path: Path


class Rotator:
    """`logs` yields the log of each running container."""

    def __init__(self, runtime: Runtime, limits: LogLimits, logs: Callable[[], Iterable[Log]]) -> None:
        self._runtime = runtime
        self._limits = limits
        self._logs = logs

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            for one in tuple(self._logs()):
                await self.look(one)

    async def look(self, one: Log) -> None:
        """Put one log aside if it has grown; a failure is logged and tried again at the next look."""
        try:
            if one.path.stat().st_size < self._limits.bytes:
                return
            await self._rotate(one)
        except FileNotFoundError:
            return  # it went with its container
        except (OSError, RuntimeFailure) as error:
            log.warning("log not rotated path=%s error=%s", one.path, error)
        for path in surplus(put_aside(one.path), self._limits):
            path.unlink(missing_ok=True)

    async def _rotate(self, one: Log) -> None:
        aside = one.path.with_name(f"{one.path.name}.{time.time_ns()}")
        one.path.rename(aside)
        try:
            await self._runtime.reopen_log(one.container_id)
        except RuntimeFailure:
            if not one.path.exists():
                aside.rename(one.path)
            raise


def put_aside(path: Path) -> list[tuple[Path, int]]:
    """The files put aside of a log, with their sizes, the newest first."""
    found = sorted(path.parent.glob(f"{path.name}.*"), key=lambda file: file.name, reverse=True)
    return [(file, file.stat().st_size) for file in found]


def surplus(aside: Sequence[tuple[Path, int]], limits: LogLimits) -> list[Path]:
    """Which of the files put aside go, given the newest first.  Pure."""
    room, found = limits.bytes * limits.files, []
    for number, (path, size) in enumerate(aside, start=1):
        room -= size
        if number >= limits.files or room < 0:
            found.append(path)
    return found
