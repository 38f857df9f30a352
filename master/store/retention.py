"""How much of the past is kept, and so when the log is compacted by itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retention:
    """History is kept for `seconds`, but not much more than `revisions` of it; looked at each `interval` seconds."""

    seconds: float = 300.0
    revisions: int = 10_000
    interval: float = 30.0

    @property
    def most(self) -> int:
        """So many revisions of history are looked at before the interval is over."""
        return self.revisions + self.revisions // 4


class Past:
    """When which revision was the newest, as far as retention needs to know."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._marks: deque[tuple[float, int]] = deque()

    def horizon(self, now: float, revision: int) -> int:
        """Notes the present revision; returns the one before which history may go (0: none yet)."""
        self._marks.append((now, revision))
        old = 0
        while self._marks and self._marks[0][0] <= now - self._retention.seconds:
            old = self._marks.popleft()[1]
        return max(old, revision - self._retention.revisions)
