"""The loop that keeps a node from running dry: looks at its levels, tells the pressures, ends one pod at a time.

Where the disk runs short, images that nothing runs from go first.

Contract: `look` is quick and may be called at any time, `pressures` are those of the last look; `run` acts each PERIOD, and
at most on one pod, then waits for its end: the levels after it say whether another one must go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from agent.node.ranking import Pod, Uses, may_go, message, ranked
from agent.node.thresholds import Judge, Levels, Threshold
from agent.runtime.contract import RuntimeFailure

log = logging.getLogger(__name__)

PERIOD = 10.0
PATIENCE, LOOK = 30.0, 0.5
HARD_GRACE = 1
"""Seconds that a pod has to end when a hard threshold is met."""
Say = Callable[[str, str, str], None]
"""Type, reason and message of an event of the node."""


@dataclass
class Evictor:
    """`levels` and `uses` look at the node; `reclaim` clears the disk of what no pod needs; `evict` has a pod ended, by its
    uid, with a message and a grace."""

    judge: Judge
    levels: Callable[[], Levels]
    uses: Callable[[], Awaitable[Uses]]
    pods: Callable[[], Iterable[Pod]]
    reclaim: Callable[[], Awaitable[None]]
    evict: Callable[[str, str, int], None]
    say: Say
    soft_grace: int = 0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def pressures(self) -> frozenset[str]:
        """The conditions that hold now."""
        now = self.clock()
        self.judge.met(self.levels(), now)
        return self.judge.pressures(now)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.act()
            except RuntimeFailure as error:
                log.warning("cannot see what pods use: %s", error)
            await self.sleep(PERIOD)

    async def act(self) -> None:
        """What must be done now, for the first threshold that is met."""
        levels = self.levels()
        met = self.judge.met(levels, self.clock())
        if met:
            self.say("Warning", "EvictionThresholdMet", f"Attempting to reclaim {met[0].resource}")
            if met[0].condition == "DiskPressure":
                await self.reclaim()
                levels = self.levels()
            if met[0].met(levels):
                await self._evict_one(met[0], levels)

    async def _evict_one(self, threshold: Threshold, levels: Levels) -> None:
        uses = await self.uses()
        candidates = ranked(self.pods(), uses, threshold.resource)
        if not candidates:
            log.warning("short of %s, and no pod may be evicted", threshold.resource)
            return
        pod = candidates[0]
        meta = pod["metadata"]
        said = message(pod, uses.get(meta["uid"], {}), threshold, levels[threshold.signal])
        log.warning("evicting pod=%s/%s: %s", meta["namespace"], meta["name"], said)
        grace = min(self.soft_grace, _own_grace(pod)) if threshold.grace else HARD_GRACE
        self.evict(meta["uid"], said, grace)
        until = self.clock() + grace + PATIENCE
        while self.clock() < until and any(p["metadata"]["uid"] == meta["uid"] for p in filter(may_go, self.pods())):
            await self.sleep(LOOK)


def _own_grace(pod: Pod) -> int:
    return int(pod["spec"].get("terminationGracePeriodSeconds") or 0)
