"""The loop of NetworkPolicies: what changed goes to the kernel at once, sets before rules and old sets after them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from agent.policy.resolving import Member, Object, Policy, members_of, pod_of, resolve
from agent.policy.rules import SHARE, Rendered, render
from agent.policy.sets import Ipset, SetError, SetKernel, plan, plan_removal
from agent.proxy.kernel import Kernel, KernelError
from agent.proxy.tables import Tables
from kube.informers import Informer
from kube.policies import GROUP_LABEL

log = logging.getLogger(__name__)

COALESCE_SECONDS = 1.0
CHECK_SECONDS = 20.0
RETRY_SECONDS = 5.0

Objects = Callable[[], Iterable[Object]]


@dataclass
class Policies:
    """`pods` are those of this node, `slices` all; call `changed()` when one of the three changes.

    `heard` are set when they are known: a restart must not open what was closed.
    """

    policies: Objects
    pods: Objects
    slices: Objects
    tables: Tables
    sets: SetKernel
    clock: Callable[[], float]
    heard: tuple[asyncio.Event, ...] = ()
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _may_have_sets: bool = True
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        for event in self.heard:
            await event.wait()
        while True:
            began = self.clock()
            self._wake.clear()
            wait = CHECK_SECONDS
            try:
                await self.sync()
            except (KernelError, SetError, OSError) as error:
                log.error("network policies are not in the kernel: %s; next try in %d s", error, RETRY_SECONDS)
                wait = RETRY_SECONDS
            await asyncio.sleep(min(COALESCE_SECONDS, 2 * (self.clock() - began)))
            await self._wait(wait)

    async def _wait(self, seconds: float) -> None:
        """Until something changed, or it is time to look whether the kernel still holds what was written."""
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def sync(self) -> None:
        """Brings the kernel to what the objects say now, whatever it holds."""
        wanted = self.render()
        have = await self.sets.save() if wanted.sets or self._may_have_sets else {}
        if await self.tables.lost():
            self.tables.forget()
        await self.sets.restore(plan(have, wanted.sets))
        await self.tables.write(wanted.ruleset())
        await self.sets.restore(plan_removal(have, wanted.sets))
        self._may_have_sets = bool(wanted.sets)
        self.synced.set()

    def render(self) -> Rendered:
        return render(self.resolved())

    def resolved(self) -> list[Policy]:
        """The policies that isolate a pod of this node."""
        policies = list(self.policies())
        if not policies:
            return []
        here = [pod for pod in map(pod_of, self.pods()) if pod]
        groups = self._groups()
        found = [resolve(policy, here, groups.get(policy["metadata"].get("uid", ""), {})) for policy in policies]
        return [policy for policy in found if policy]

    def _groups(self) -> Mapping[str, Mapping[str, list[Member]]]:
        """The members of every policy's groups: by the policy's uid, then by the group's key."""
        found: defaultdict[str, defaultdict[str, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for piece in self.slices():
            meta = piece["metadata"]
            key = (meta.get("labels") or {}).get(GROUP_LABEL)
            for owner in meta.get("ownerReferences") or () if key else ():
                found[owner["uid"]][str(key)] += members_of(piece)
        return found


def following(policies: Informer, pods: Informer, slices: Informer, kernel: Kernel) -> Policies:
    """The room over these informers; what does not concern it wakes nobody."""
    stores = (policies.store.values, pods.store.values, slices.store.values)
    heard = (policies.usable, pods.usable, slices.usable)
    room = Policies(*stores, Tables(kernel, SHARE), Ipset(), time.monotonic, heard)

    def pod_changed(_event: str, old: Object | None, new: Object | None) -> None:
        if (pod_of(old) if old else None) != (pod_of(new) if new else None):
            room.changed()

    def slice_changed(_event: str, old: Object | None, new: Object | None) -> None:
        if any(GROUP_LABEL in (piece["metadata"].get("labels") or {}) for piece in (old, new) if piece):
            room.changed()

    policies.on_change(lambda *_change: room.changed())
    pods.on_change(pod_changed)
    slices.on_change(slice_changed)
    return room
