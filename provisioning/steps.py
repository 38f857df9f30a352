"""Steps: what is to be done on a machine, as data; the runner runs them and, when one fails, undoes those that ran.

A step is yielded only when the facts need it, so that a second run yields none, and a dry run is printing them.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Event

from provisioning.transport import CommandFailed, Link, LinkError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A command; `stdin` is not shown, it may be long or secret."""

    argv: tuple[str, ...]
    stdin: bytes = b""

    def __str__(self) -> str:
        return shlex.join(self.argv) + (f" < {len(self.stdin)} bytes" if self.stdin else "")


@dataclass(frozen=True, slots=True)
class Put:
    path: PurePosixPath
    content: bytes
    mode: int = 0o644

    def __str__(self) -> str:
        return f"write {self.path} ({len(self.content)} bytes, mode {self.mode:o})"


Action = Run | Put


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    actions: tuple[Action, ...]
    undo: tuple[Run, ...] = ()


class Halted(Exception):
    """The run was told to stop between two actions."""


def run(
    link: Link, steps: Iterable[Step], done: list[Step], told: Callable[[str], None], halt: Event | None = None
) -> None:
    """Runs each step; `done` grows by what was begun, for `undo`.  Once `halt` is set no action is begun any more."""
    for step in steps:
        told(step.title)
        done.append(step)
        for action in step.actions:
            if halt is not None and halt.is_set():
                raise Halted
            perform(link, action)


def perform(link: Link, action: Action) -> None:
    match action:
        case Run(argv, stdin):
            link.run(argv, stdin=stdin)
        case Put(path, content, mode):
            link.put(path, content, mode)


def undo(link: Link, done: list[Step]) -> list[str]:
    """Takes back what was begun, last first; what could not be taken back is told."""
    troubles = []
    for step in reversed(done):
        for action in step.undo:
            try:
                link.run(action.argv)
            except (CommandFailed, LinkError) as error:
                troubles.append(str(error))
    return troubles
