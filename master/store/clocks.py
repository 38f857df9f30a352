"""The time that leases and retention go by; tests give one that they move by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds that only grow."""
        ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Calls on the running loop."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, call)
