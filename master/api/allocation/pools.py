"""A range of numbers to give away: cluster addresses as offsets, node ports as they are.

How it works: the low band is left for those who choose a number themselves, a number given without choice comes from above
it, until that is full (KEP-3070, KEP-3668).  A number given is pending until the cache shows the object that has it; a
write that failed lets its number go after `PATIENCE` seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import chain

PATIENCE = 30.0


class TakenError(Exception):
    """Somebody has the number."""


class FullError(Exception):
    """Every number is taken."""


class Pool:
    def __init__(
        self, first: int, last: int, band: int, clock: Callable[[], float], chance: random.Random | None = None
    ) -> None:
        """Numbers `first` to `last`, both included; the low band ends before `first + band`."""
        self.first, self.last = first, last
        self._dynamic = first + band
        self._clock = clock
        self._chance = chance or random.Random()
        self._held: dict[int, int] = {}
        self._pending: dict[int, float] = {}

    def hold(self, numbers: Iterable[int]) -> None:
        """Seen in an object: taken until `drop`."""
        for number in numbers:
            self._held[number] = self._held.get(number, 0) + 1
            self._pending.pop(number, None)

    def drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            left = self._held.get(number, 0) - 1
            if left > 0:
                self._held[number] = left
            else:
                self._held.pop(number, None)

    def clear(self) -> None:
        self._held.clear()

    def take(self, number: int, keep: bool = True) -> int:
        """This number; TakenError.  With `keep` false nothing is remembered: a dry run."""
        if not self._is_free(number):
            raise TakenError(str(number))
        if keep:
            self._pending[number] = self._clock() + PATIENCE
        return number

    def next(self, keep: bool = True) -> int:
        """Any free number; FullError."""
        for low, high in ((self._dynamic, self.last), (self.first, self._dynamic - 1)):
            number = self._free_between(low, min(high, self.last))
            if number is not None:
                return self.take(number, keep)
        raise FullError("range is full")

    def _free_between(self, low: int, high: int) -> int | None:
        if low > high:
            return None
        start = self._chance.randint(low, high)
        return next(
            (number for number in chain(range(start, high + 1), range(low, start)) if self._is_free(number)), None
        )

    def _is_free(self, number: int) -> bool:
        if number in self._held:
            return False
        until = self._pending.get(number)
        return until is None or until < self._clock()


def band(size: int, step: int, most: int) -> int:
    """The width of the low band: `min(max(16, size / step), most)`; none in a range too small to be divided."""
    return min(max(16, size // step), most) if size > 16 else 0
