"""The node's own loop: registers the Node, renews its Lease each 10 s, and writes its status when something changed.

A status without news is written each 5 minutes; the Lease alone says that the node lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from agent.node.capacity import Capacity, LoadMeter
from agent.node.evicting import Say
from agent.node.objects import Health, Identity, Object, advertised, conditions, lease, new_node, status, turns
from kube import times
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known

log = logging.getLogger(__name__)

RENEW_SECONDS = 10.0
STATUS_SECONDS = 300.0
LOOK_SECONDS = 1.0  # how soon a changed condition is seen
SETTLE_SECONDS = 5.0  # what a new agent's rooms are waited for, before a node that was Ready is not
RETRY_SECONDS = 2.0
LINK_FAILURES = (ApiError, aiohttp.ClientError, OSError, TimeoutError)


NODE = known("v1", "Node")
LEASE = known("coordination.k8s.io/v1", "Lease")


@dataclass
class NodeKeeper:
    """`health` looks at the machine; `info` and `images` fill nodeInfo and the images of the status; `say` records an
    event of the node: type, reason, message; `own_node` is its object as the API last told it."""

    client: Client
    identity: Identity
    capacity: Capacity
    meter: LoadMeter
    health: Callable[[], Awaitable[Health]]
    info: Callable[[], Awaitable[dict[str, str]]]
    images: Callable[[], Awaitable[list[Object]]]
    clock: Callable[[], float]
    say: Say
    own_node: Callable[[], Object | None]
    registered: asyncio.Event = field(default_factory=asyncio.Event)
    _node: Object | None = None
    _lease: Object | None = None
    _told_boot: str = ""
    _conditions: list[Object] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        """Something that the status tells may have changed: look now."""
        self._wake.set()

    def node_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        """Someone advertised a resource on this node, or took it back."""
        if new is not None and new["metadata"]["name"] == self.identity.name and advertised(new) != advertised(old):
            self.changed()

    async def run(self) -> None:
        """Until cancelled."""
        self.say("Normal", "Starting", "Starting kubelet.")
        await self._register()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew_forever())
            tasks.create_task(self._report_forever())

    async def _register(self) -> None:
        """Until the API has this node's object; labels of this machine that it lacks are added."""
        while True:
            try:
                self._node = await self._ensure_node()
                self.registered.set()
                return
            except LINK_FAILURES as error:
                log.warning("cannot register node=%s yet: %s", self.identity.name, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _ensure_node(self) -> Object:
        wanted = new_node(self.identity)
        try:
            present = await self.client.get(NODE, "", self.identity.name)
        except ApiError as error:
            if error.status != 404:
                raise
            log.info("registering node=%s", self.identity.name)
            return await self.client.create(NODE, "", wanted)
        labels = wanted["metadata"]["labels"]
        if labels.items() <= (present["metadata"].get("labels") or {}).items():
            return present
        return await self.client.patch(NODE, "", self.identity.name, {"metadata": {"labels": labels}})

    async def _renew_forever(self) -> None:
        while True:
            delay = RENEW_SECONDS
            try:
                await self._renew()
            except LINK_FAILURES as error:
                log.warning("lease not renewed: %s", error)
                self._lease = None
                delay = RETRY_SECONDS
            await asyncio.sleep(delay)

    async def _renew(self) -> None:
        name, now = self.identity.name, times.micro_now()
        if self._lease is None:
            self._lease = await self._present_lease()
        wanted = lease(name, self.meter.read(), now, self._node, self._lease)
        if self._lease is None:
            self._lease = await self.client.create(LEASE, "kube-node-lease", wanted)
        else:
            self._lease = await self.client.update(LEASE, "kube-node-lease", wanted)

    async def _present_lease(self) -> Object | None:
        try:
            return await self.client.get(LEASE, "kube-node-lease", self.identity.name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _report_forever(self) -> None:
        """Looks each second; writes when a condition changed, when woken, and each 5 minutes."""
        written = -STATUS_SECONDS
        await self._settle()
        while True:
            woken = self._wake.is_set()
            self._wake.clear()
            try:
                health = await self.health()
                if woken or self.clock() - written >= STATUS_SECONDS or self._differs(health):
                    await self._report(health)
                    written = self.clock()
            except LINK_FAILURES as error:
                written = -STATUS_SECONDS
                await self._after_failure(error)
            await self._pause()

    async def _settle(self) -> None:
        """A new agent on a node that is Ready finds everything in place: it does not say otherwise before it has looked."""
        told = ((self._node or {}).get("status") or {}).get("conditions") or ()
        was_ready = any(row["type"] == "Ready" and row["status"] == "True" for row in told)
        until = self.clock() + SETTLE_SECONDS
        while was_ready and self.clock() < until and (await self.health()).problem:
            self._wake.clear()
            await self._pause()

    async def _after_failure(self, error: BaseException) -> None:
        log.warning("node status not written: %s", error)
        if isinstance(error, ApiError) and error.status == 404:
            await self._register()  # someone deleted the Node; a node that lives comes back

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
        except TimeoutError:
            return

    def _differs(self, health: Health) -> bool:
        def essence(rows: list[Object]) -> list[tuple[Any, ...]]:
            return [(row["type"], row["status"], row["message"]) for row in rows]

        return essence(conditions(health, self._conditions, times.now())) != essence(self._conditions)

    async def _report(self, health: Health) -> None:
        """A strategic merge: conditions, addresses and images are merged by their keys, others' conditions stay."""
        if not self._conditions:
            present = await self.client.get(NODE, "", self.identity.name)
            self._conditions = (present.get("status") or {}).get("conditions") or []
            self._told_boot = ((present.get("status") or {}).get("nodeInfo") or {}).get("bootID", "")
        rows = conditions(health, self._conditions, times.now())
        info, images = await self.info(), await self.images()
        body = {"status": status(self.identity, self.capacity, info, images, rows, self.own_node())}
        self._node = await self.client.patch(NODE, "", self.identity.name, body, type="strategic", subresource="status")
        self._tell_turns(rows, info["bootID"])
        self._conditions = rows

    def _tell_turns(self, rows: list[Object], boot: str) -> None:
        name = self.identity.name
        for reason in turns(self._conditions, rows):
            self.say("Normal", reason, f"Node {name} status is now: {reason}")
        if self._told_boot and boot != self._told_boot:
            self.say("Warning", "Rebooted", f"Node {name} has been rebooted, boot id: {boot}")
        self._told_boot = boot
