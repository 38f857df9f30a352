"""How long to wait before what failed is tried again: a second, doubled with each failure, a quarter of an hour at most.

Pure but for the clock it is given.  What has not failed for twice the longest wait begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

FIRST, MOST = 1.0, 900.0


class Retries:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tried: dict[Hashable, tuple[float, float]] = {}
        """When it was tried, and how long the next try waits from then."""

    def left(self, key: Hashable) -> float:
        """Seconds until it may be tried again; 0 counts as the try."""
        now = self._clock()
        self._tried = {known: one for known, one in self._tried.items() if now - one[0] < 2 * MOST}
        when, wait = self._tried.get(key, (now, 0.0))
        left = when + wait - now
        if left > 0:
            return left
        self._tried[key] = (now, min(MOST, wait * 2) or FIRST)
        return 0.0
