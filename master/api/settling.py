"""What the server settles of its own: keys wait until they are looked at, one after the other, in one task.

Contract: `settle(key)` reads the present and closes the gap; it is right however often it is called.  A key that cannot be
settled is logged and comes back after a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kube.errors import ApiError

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds until a key is looked at again that could not be settled."""
FAILURES = (ApiError, KeyError, TypeError, ValueError)


class Settling:
    def __init__(self, what: str, settle: Callable[[str], Awaitable[None]]) -> None:
        """`what` names the keys in the log."""
        self._what, self._settle = what, settle
        self._waiting: dict[str, None] = {}
        self._woken = asyncio.Event()

    def wake(self, key: str) -> None:
        self._waiting[key] = None
        self._woken.set()

    async def run(self) -> None:
        while True:
            await self._woken.wait()
            if not self._waiting:
                self._woken.clear()
                continue
            key = next(iter(self._waiting))
            del self._waiting[key]
            try:
                await self._settle(key)
            except FAILURES as error:
                log.warning("cannot settle %s key=%s: %r", self._what, key, error)
                asyncio.get_running_loop().call_later(PAUSE, self.wake, key)
