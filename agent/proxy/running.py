"""The proxy's loop: what changed in the service table goes to the kernel, at once and then at most once a second.

A full resync happens at the start, after a refused change, and when the kernel no longer holds our chains (someone flushed
the tables).  A Service whose rules the kernel refuses is left out by name; the others are programmed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.proxy.flows import Conntrack, Flows, Socket, stale, targets
from agent.proxy.health import HealthPorts, checks
from agent.proxy.kernel import Kernel, KernelError
from agent.proxy.restoring import Ruleset
from agent.proxy.rules import SHARE, Part, Place, assemble, hairpins, render_service
from agent.proxy.tables import Tables
from agent.services import Key, ServiceTable
from kube.events import WARNING

log = logging.getLogger(__name__)

COALESCE_SECONDS = 1.0
CHECK_SECONDS = 20.0
ZONE = "topology.kubernetes.io/zone"

LOST = "iptables rules of ours are gone, someone flushed the tables: writing them again"

Object = dict[str, Any]
Say = Callable[[str, str, str], None]
"""Type, reason and message of an event about this node."""


def _nobody(_type: str, _reason: str, _message: str) -> None:
    """Where nobody listens."""


@dataclass
class Proxy:
    """`changed(keys)` is called with what `ServiceTable` says changed; `run()` does the rest until cancelled."""

    table: ServiceTable
    kernel: Kernel
    place: Place
    clock: Callable[[], float]
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    refused: dict[Key, str] = field(default_factory=dict)
    flows: Flows = field(default_factory=Conntrack)
    health: HealthPorts = field(default_factory=HealthPorts)
    say: Say = _nobody
    tables: Tables = field(init=False)
    _datagrams: dict[Key, dict[Socket, frozenset[Socket]]] = field(default_factory=dict)
    _parts: dict[Key, Part] = field(default_factory=dict)
    _dirty: set[Key] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.tables = Tables(self.kernel, SHARE)

    def changed(self, keys: set[Key]) -> None:
        if keys:
            self._dirty |= keys
            self._wake.set()

    def node_changed(self, _event: str, _old: Object | None, new: Object | None) -> None:
        """This node's zone decides which endpoints are near."""
        if new is None or new["metadata"]["name"] != self.place.node:
            return
        zone = (new["metadata"].get("labels") or {}).get(ZONE, "")
        if zone != self.place.zone:
            self.place = replace(self.place, zone=zone)
            self.changed({service.key for service in self.table})

    async def run(self) -> None:
        """Until cancelled; what is in the kernel stays there."""
        try:
            await self._run()
        finally:
            await self.health.close()

    async def _run(self) -> None:
        while True:
            began = self.clock()
            await self.sync()
            # The first change after a quiet time goes out at once; then transactions cost at most half of the time.
            pause = min(COALESCE_SECONDS, 2 * (self.clock() - began))
            await asyncio.sleep(pause)
            await self._wait()

    async def _wait(self) -> None:
        """Until something changed; every CHECK_SECONDS the kernel is asked whether our rules are still there."""
        while not self._wake.is_set():
            try:
                await asyncio.wait_for(self._wake.wait(), CHECK_SECONDS)
            except TimeoutError:
                if await self._lost():
                    return

    async def _lost(self) -> bool:
        """Whether somebody took rules of ours away; then the next sync writes all of them."""
        try:
            if not await self.tables.lost():
                return False
        except (KernelError, OSError) as error:
            log.error("cannot ask the kernel for its rules: %s", error)
            return False
        log.warning("%s", LOST)
        self.say(WARNING, "ServiceRulesLost", LOST)
        self.tables.forget()
        return True

    async def sync(self) -> None:
        """Brings the kernel to what the table says now."""
        self._wake.clear()
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            service = self.table.get(key)
            self.refused.pop(key, None)
            if service is None:
                self._parts.pop(key, None)
            else:
                self._parts[key] = render_service(service, self.place)
        try:
            await self.tables.write(self._assemble())
        except KernelError as error:
            log.error("iptables refused the change, writing all rules again: %s", error)
            await self._write_without_the_bad()
        await self._forget_flows(dirty)
        await self.health.update(checks(self.table, self.place.node))
        self.synced.set()

    async def _forget_flows(self, dirty: set[Key]) -> None:
        """Clients that keep sending datagrams to a backend that is gone get another one."""
        moved: dict[Socket, frozenset[Socket]] = {}
        for key in dirty:
            old, new = self._datagrams.pop(key, {}), targets(self.table.get(key), self.place)
            if new:
                self._datagrams[key] = new
            if old != new:
                moved |= dict.fromkeys(old, frozenset()) | new
        try:
            for flow in stale(await self.flows.list() if moved else (), moved):
                await self.flows.forget(flow)
        except OSError as error:
            log.error("datagrams may go to backends that are gone: %s", error)

    def _assemble(self) -> Ruleset:
        parts = {key: part for key, part in self._parts.items() if key not in self.refused}
        return assemble(parts, hairpins(self.table, self.place), self.place)

    async def _write_without_the_bad(self) -> None:
        """Writes everything; when the kernel refuses again, tries each Service alone and leaves the bad ones out."""
        try:
            await self.tables.write(self._assemble())
            return
        except KernelError as error:
            log.error("iptables refused all rules, looking for the Service it refuses: %s", error)
        for key, part in sorted(self._parts.items()):
            if said := await self.tables.refused(assemble({key: part}, (), self.place)):
                self.refused[key] = said
                log.error("service %s/%s is left out: %s", *key, said)
        await self.tables.write(self._assemble())
