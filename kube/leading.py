"""One of several leads: who holds a Lease does the work, the others wait until it is let go or has run out.

Contract: `lead(...)` runs `work()` whenever this process holds the Lease, and ends it when another is seen to hold it.  A
server that does not answer ends nothing: whoever could take over cannot reach it either.  A process that starts again under
the same identity takes up its own Lease at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from kube import times
from kube.client import Client
from kube.errors import ApiError, words_of
from kube.informers import LINK_FAILURES
from kube.kinds import known

log = logging.getLogger(__name__)

LEASE = known("coordination.k8s.io/v1", "Lease")
NAMESPACE = "kube-system"
DURATION, RENEWAL, LOOK = 15, 5.0, 1.0
"""Seconds that a Lease lasts, between two renewals, and between two looks of who waits for it."""
Work = Callable[[], Awaitable[None]]


@dataclass
class Candidate:
    """`clock` counts seconds; what others' clocks say is never compared with ours."""

    client: Client
    name: str
    identity: str
    pause: Callable[[float], Awaitable[Any]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    _seen: tuple[str, float] = ("", 0.0)
    """The last renewal by another, and when it was first seen."""

    async def holds(self) -> bool:
        """Take or renew the Lease; whether it is ours now."""
        try:
            present = await self.client.get(LEASE, NAMESPACE, self.name)
        except ApiError as error:
            if error.status != 404:
                raise
            wanted = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": {"name": self.name}}
            await self.client.create(LEASE, NAMESPACE, {**wanted, "spec": renewed({}, self.identity)})
            return True
        if not is_free(present.get("spec") or {}, self.identity, self._silence(present.get("spec") or {})):
            return False
        spec = renewed(present.get("spec") or {}, self.identity)
        await self.client.update(LEASE, NAMESPACE, {**present, "spec": spec})
        return True

    def _silence(self, spec: dict[str, Any]) -> float:
        """Seconds since the holder was last seen to renew."""
        said, now = spec.get("renewTime") or "", self.clock()
        if said != self._seen[0]:
            self._seen = (said, now)
        return now - self._seen[1]

    async def leads(self, before: bool) -> bool:
        """As `holds`; what could not be asked is as it was."""
        try:
            return await self.holds()
        except ApiError as error:
            log.info("lease refused name=%s error=%s", self.name, error)
        except LINK_FAILURES as error:
            log.info("lease out of reach name=%s error=%s", self.name, words_of(error))
        return before


async def lead(candidate: Candidate, work: Work) -> None:
    """For ever; what `work` raises ends it."""
    while True:
        while not await candidate.leads(before=False):
            await candidate.pause(LOOK)
        log.info("leading name=%s identity=%s", candidate.name, candidate.identity)
        working, renewing = asyncio.ensure_future(work()), asyncio.ensure_future(_renew(candidate))
        try:
            await asyncio.wait((working, renewing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, renewing):
                task.cancel()
            ended = await asyncio.gather(working, renewing, return_exceptions=True)
        if isinstance(ended[0], Exception):
            raise ended[0]
        log.warning("leading no more name=%s", candidate.name)


async def _renew(candidate: Candidate) -> None:
    """Until another holds the Lease."""
    while await candidate.leads(before=True):
        await candidate.pause(RENEWAL)


def is_free(spec: dict[str, Any], identity: str, silence: float) -> bool:
    """Whether this candidate may write itself in: nobody holds the Lease, it does already, or its holder is silent."""
    lasts = float(spec.get("leaseDurationSeconds") or DURATION)
    return spec.get("holderIdentity") in (None, "", identity) or silence > lasts


def renewed(spec: dict[str, Any], identity: str) -> dict[str, Any]:
    """The Lease in this candidate's name, from now on; changes of hands are counted."""
    moment = times.micro_now()
    after = {**spec, "holderIdentity": identity, "leaseDurationSeconds": DURATION, "renewTime": moment}
    if spec.get("holderIdentity") != identity:
        after |= {"acquireTime": moment, "leaseTransitions": spec.get("leaseTransitions", -1) + 1}
    return after
