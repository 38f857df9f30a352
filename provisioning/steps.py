"""Steps: what is to be done on a machine, as data; the runner runs them and, when one fails, undoes those that ran.

A step is yielded only when the facts need it, so that a second run yields none, and a dry run is printing them.

How undoing works: before a step begins, the runner asks the machine what is where the step will write.  Undoing runs the
step's own `undo`, puts every path back as it was (gone where it was not there), and, where files of before are back, runs
`again` to have them count.
"""

from __future__ import annotations

import base64
import logging
import shlex
from collections.abc import Callable, Iterable, Iterator
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
    """`makes` are the paths that its commands bring about, besides the files it puts."""

    title: str
    actions: tuple[Action, ...]
    undo: tuple[Run, ...] = ()
    makes: tuple[PurePosixPath, ...] = ()
    again: tuple[Run, ...] = ()

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        return (*(action.path for action in self.actions if isinstance(action, Put)), *self.makes)


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that was begun, and how its paths are put back; `replaced` when some had been there before."""

    step: Step
    back: tuple[Action, ...] = ()
    replaced: bool = False

    @property
    def undo(self) -> Iterator[Action]:
        yield from self.step.undo
        yield from self.back
        if self.replaced:
            yield from self.step.again


class Halted(Exception):
    """The run was told to stop between two actions."""


LOOK = """\
for p in "$@"; do
  if [ -L "$p" ]; then printf 'link\\t%s\\t%s\\n' "$p" "$(readlink "$p")"
  elif [ -f "$p" ]; then printf 'file\\t%s\\t%s\\t%s\\n' "$p" "$(stat -c %a "$p")" "$(base64 -w 0 < "$p")"
  elif [ -e "$p" ]; then printf 'kept\\t%s\\n' "$p"
  else
    while [ -n "${p%/*}" ] && [ ! -e "${p%/*}" ]; do p="${p%/*}"; done
    printf 'absent\\t%s\\n' "$p"
  fi
done
"""
"""A line a path: what is there; for one that is absent, the topmost part of it that is."""


def run(
    link: Link, steps: Iterable[Step], done: list[Begun], told: Callable[[str], None], halt: Event | None = None
) -> None:
    """Runs each step; `done` grows by what was begun, for `undo`.  Once `halt` is set no action is begun any more."""
    for step in steps:
        told(step.title)
        done.append(look(link, step))
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


def look(link: Link, step: Step) -> Begun:
    """The step with what is on the machine where it will write."""
    if not step.paths:
        return Begun(step)
    answer = link.run(("sh", "-c", LOOK, "sh", *map(str, step.paths)))
    rows = [line.split("\t") for line in answer.output.splitlines()]
    back = dict.fromkeys(action for row in rows for action in put_back(row))
    return Begun(step, tuple(back), replaced=any(row[0] == "file" for row in rows))


def put_back(row: list[str]) -> tuple[Action, ...]:
    """The action that makes a path what a line of LOOK says it was."""
    match row:
        case ["absent", path]:
            return (Run(("rm", "-rf", "--one-file-system", path)),)
        case ["file", path, mode, content]:
            return (Put(PurePosixPath(path), base64.b64decode(content), int(mode, 8)),)
        case ["link", path, target]:
            return (Run(("ln", "-sfn", target, path)),)
    return ()


def undo(link: Link, done: list[Begun]) -> list[str]:
    """Takes back what was begun, last first; what could not be taken back is told."""
    troubles = []
    for begun in reversed(done):
        for action in begun.undo:
            try:
                perform(link, action)
            except (CommandFailed, LinkError) as error:
                troubles.append(str(error))
    return troubles
