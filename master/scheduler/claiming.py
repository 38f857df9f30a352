"""Volumes before their pod: give claims their volumes, or tell the provisioner the node, and wait until all are bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from kube.client import Client
from kube.kinds import known
from master.scheduler.volumes import SELECTED_NODE, Claim, Key, Plan, Volume

CLAIM, VOLUME = known("v1", "PersistentVolumeClaim"), known("v1", "PersistentVolume")
PATIENCE = 600.0
LOOK = 10.0
"""Seconds between two looks whether the pod is still there."""


class UnservedError(Exception):
    """The claims did not come to be bound; the pod is decided about anew."""


class Claiming:
    """`claims` is the present as the informer keeps it; who keeps it calls `moved` when it changes."""

    def __init__(self, client: Client, claims: Mapping[Key, Claim]) -> None:
        self._client, self._claims = client, claims
        self._waiting: set[asyncio.Event] = set()

    def moved(self) -> None:
        for event in self._waiting:
            event.set()

    async def serve(self, plan: Plan, node: str, wanted: Callable[[], bool]) -> None:
        """Return when every claim of the plan is bound; `wanted` tells whether the pod still is."""
        for claim, volume in plan.bind:
            await self._reserve(claim, volume)
        for claim in plan.provision:
            change = {"metadata": {"uid": claim.uid, "annotations": {SELECTED_NODE: node}}}
            await self._client.patch(CLAIM, *claim.key, change)
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._bound(plan, node, wanted, event)
        except TimeoutError as error:
            raise UnservedError("binding volumes: context deadline exceeded") from error
        finally:
            self._waiting.discard(event)

    async def _reserve(self, claim: Claim, volume: Volume) -> None:
        """Pre-bind the volume; the controller that binds sees whose it is."""
        if volume.claim is not None and volume.claim[2]:
            return
        namespace, name = claim.key
        reference = {"apiVersion": "v1", "kind": CLAIM.kind, "namespace": namespace, "name": name, "uid": claim.uid}
        notes = {} if volume.claim else {"annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}}
        change = {"metadata": notes, "spec": {"claimRef": reference}}
        await self._client.patch(VOLUME, "", volume.name, change)

    async def _bound(self, plan: Plan, node: str, wanted: Callable[[], bool], event: asyncio.Event) -> None:
        told: set[Key] = set()
        while True:
            event.clear()
            if not wanted():
                raise UnservedError("the pod is not wanted any more")
            present = {key: self._claims.get(key) for key in plan.claims}
            for key, claim in present.items():
                if claim is None:
                    raise UnservedError(f'persistentvolumeclaim "{key[1]}" not found')
                if claim.selected_node == node:
                    told.add(key)
                elif key in told and not claim.bound:
                    raise UnservedError(f'provisioning failed for PVC "{key[1]}"')
            if all(claim is not None and claim.bound for claim in present.values()):
                return
            await _either(event, LOOK)


async def _either(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
