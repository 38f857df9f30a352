"""Progress, step by step with times: printed as it happens, kept for `--json`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Trouble(Exception):
    """What stands in the way and what to do about it, in one sentence."""


@dataclass(slots=True)
class Step:
    """One step as it went; a body sets `changed` and may leave a note."""

    title: str
    changed: bool = False
    note: str = ""
    seconds: float = 0.0
    failed: bool = False

    def done(self, changed: bool, note: str = "") -> None:
        self.changed, self.note = changed, note

    @property
    def line(self) -> str:
        mark = "✗" if self.failed else "✓" if self.changed else "·"
        rest = self.note if self.changed or self.note else "as it was"
        return f"{mark} {self.title:<34} {self.seconds:5.1f} s  {rest}".rstrip()


@dataclass(slots=True)
class Steps:
    """The steps so far; `say` gets a line when one ends."""

    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    rows: list[Step] = field(default_factory=list)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a step; one that raises is reported before the error goes on."""
        row, begun = Step(title), self.clock()
        try:
            yield row
        except BaseException:
            row.failed, row.note = True, "failed"
            raise
        finally:
            row.seconds = self.clock() - begun
            self.rows.append(row)
            self.say(row.line)

    @property
    def changed(self) -> bool:
        return any(row.changed for row in self.rows)
