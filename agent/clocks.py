"""Two clocks: the wall's, which dates what is told and may jump, and a steady one, by which everything waits.

A board without a clock of its own jumps by years when it first hears the time.  A back-off, a deadline or a probe that
compared dates across such a jump would fire at once, or never.  So a date is turned into a steady moment when it is first
seen, and only steady moments are compared.  The steady clock starts at the wall's time, so that both read alike until a jump.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clocks:
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    _ahead: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ahead", self.wall() - self.monotonic())

    def steady(self) -> float:
        return self._ahead + self.monotonic()

    def since(self, date: float) -> float:
        """The steady moment of what the wall dated so; what it dates in the future happened now, before the clock went back."""
        return self.steady() - max(0.0, self.wall() - date)
