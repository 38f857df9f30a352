"""The scheduler's loop: informers feed the cluster and the queue, decisions are taken one by one, bindings run beside.

How it stays right: a decided pod counts on its node at once (assumed); the API confirms it, or the binding fails and the
pod goes back.  A pod that someone else bound is simply seen there.  A restart begins from what the API holds: the loop
starts only when nodes and pods are in, so nothing is booked twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import replace
from typing import Any

from kube import kinds
from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.events import Recorder
from kube.informers import LINK_FAILURES, Informer
from kube.kinds import Kind
from kube.layout import Layout
from master.scheduler.budgets import Budget, read_budget
from master.scheduler.claiming import Claiming, UnservedError
from master.scheduler.cluster import Cluster
from master.scheduler.decisions import Cure, Placement, Preemption, Unschedulable, Waiting
from master.scheduler.nodes import NO_LOAD, Load, Node, read_heartbeat, read_node
from master.scheduler.outcomes import Outcomes
from master.scheduler.pods import Pod, read_pod
from master.scheduler.queue import Queue
from master.scheduler.scheduling import Scheduler
from master.scheduler.volumes import Claim, StorageClass, Volume, read_claim, read_class, read_volume

log = logging.getLogger(__name__)

NAME = "default-scheduler"
BINDINGS = 32
"""Bindings under way at the same time."""
TURN = 32
"""Decisions between two turns of the loop, so that answers are read meanwhile."""
SWEEP = 30.0


def _kind(name: str) -> Kind:
    return kinds.kind_of({"apiVersion": "v1", "kind": name})


POD, NODE, NAMESPACE, CLAIM = _kind("Pod"), _kind("Node"), _kind("Namespace"), _kind("PersistentVolumeClaim")
VOLUME, STORAGE_CLASS = _kind("PersistentVolume"), kinds.known("storage.k8s.io/v1", "StorageClass")
LEASE = kinds.known("coordination.k8s.io/v1", "Lease")
BUDGET = kinds.known("policy/v1", "PodDisruptionBudget")


async def run(
    client: Client,
    config: MasterConfig | None = None,
    layout: Layout | None = None,
    rng: random.Random | None = None,
) -> None:
    """Schedule until cancelled; settings and paths are taken as every role gets them, and not needed."""
    await Loop(client, rng or random.Random()).run()


class Loop:
    def __init__(self, client: Client, rng: random.Random) -> None:
        self._client = client
        self._cluster = Cluster()
        self._scheduler = Scheduler(self._cluster, rng)
        self._queue = Queue(time.monotonic)
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(BINDINGS)
        self._events = Recorder(client, NAME)
        self._outcomes = Outcomes(client, self._events)
        self._claiming = Claiming(client, self._cluster.storage.claims)
        self._pods = _following(client, POD, read_pod, self._pod_changed)
        self._informers = [
            self._pods,
            _following(client, NODE, read_node, self._node_changed),
            _following(client, NAMESPACE, _labels, self._namespace_changed),
            _following(client, CLAIM, read_claim, self._claim_changed),
            _following(client, VOLUME, read_volume, self._volume_changed),
            _following(client, STORAGE_CLASS, read_class, self._class_changed),
            _following(client, BUDGET, read_budget, self._budget_changed),
            _following(client, LEASE, read_heartbeat, self._heartbeat, "kube-node-lease"),
        ]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run())
            for informer in self._informers:
                group.create_task(informer.run())
            for informer in self._informers:
                await informer.synced.wait()
            log.info("scheduler ready nodes=%d waiting=%d", len(self._cluster.nodes), len(self._queue))
            while True:
                await self._decide_all(group)
                await self._wait()

    async def _wait(self) -> None:
        """Until something changed, a back-off ends, or it is time to sweep."""
        soon = self._queue.next_wake()
        try:
            async with asyncio.timeout(SWEEP if soon is None else min(soon, SWEEP)):
                await self._wake.wait()
        except TimeoutError:
            self._queue.sweep()
        self._wake.clear()

    async def _decide_all(self, group: asyncio.TaskGroup) -> None:
        decided = 0
        while (pod := self._queue.pop()) is not None:
            if self._cluster.placed(pod.key) is not None:
                continue
            decision = self._scheduler.schedule(pod)
            await self._slots.acquire()
            if isinstance(decision, Placement):
                self._cluster.place(replace(pod, node=decision.node))
                self._cluster.storage.take(decision.plan)
                self._queue.heal(Cure.CAME)
                group.create_task(self._bind(pod, decision))
            else:
                self._queue.wait(pod.key, decision.cures)
                group.create_task(self._wait_for(pod, decision, self._promised(pod, decision)))
            decided += 1
            if decided % TURN == 0:
                self._cluster.forget_tallies()
                await asyncio.sleep(0)

    def _promised(self, pod: Pod, decision: Waiting) -> list[Pod]:
        """Take note of a promise before anyone else is decided about; those whose own promise it breaks."""
        nominations = self._cluster.nominations
        if isinstance(decision, Unschedulable):
            if not decision.keeps_promise:
                nominations.forget(pod.key)
            return []
        broken = nominations.weaker(decision.node, pod.priority)
        for other in broken:
            nominations.forget(other.key)
        nominations.promise(pod, decision.node)
        for victim in decision.victims:
            self._cluster.place(replace(victim, deleting=True))
        return broken

    async def _bind(self, pod: Pod, placement: Placement) -> None:
        try:
            if placement.plan.claims:
                await self._bind_volumes(pod, placement)
            await self._outcomes.bind(pod, placement.node)
        except (ApiError, UnservedError, *LINK_FAILURES) as error:
            self._unassume(pod, placement.node, error)
        finally:
            self._slots.release()

    async def _bind_volumes(self, pod: Pod, placement: Placement) -> None:
        """That takes its time: others are bound meanwhile."""
        self._slots.release()
        try:
            await self._claiming.serve(
                placement.plan, placement.node, lambda: self._cluster.placed(pod.key) is not None
            )
        finally:
            self._cluster.storage.give_back(placement.plan)
            await self._slots.acquire()

    def _unassume(self, pod: Pod, node: str, error: Exception) -> None:
        """The binding was refused or its answer lost: the pod waits again, unless the API has told more meanwhile."""
        log.info("binding failed pod=%s/%s node=%s error=%s", *pod.key, node, error)
        assumed, told = self._cluster.placed(pod.key), self._pods.store.get(pod.key)
        if assumed is not None and assumed.uid == pod.uid and not (told is not None and told.node):
            self._cluster.remove_pod(pod.key)
            self._queue.retry(pod.key)
            self._wake.set()

    async def _wait_for(self, pod: Pod, decision: Waiting, broken: list[Pod]) -> None:
        """Say why the pod waits, and send away whom it waits for."""
        try:
            await self._outcomes.explain(pod, decision, self._cluster.nominations.node_of(pod.key))
            for other in broken:
                await self._outcomes.break_promise(other)
        except (ApiError, *LINK_FAILURES) as error:
            log.info("condition not written pod=%s/%s error=%s", *pod.key, error)
        finally:
            self._slots.release()
        if isinstance(decision, Preemption):
            for victim in decision.victims:
                await self._evict(victim, pod, decision.node)

    async def _evict(self, victim: Pod, pod: Pod, node: str) -> None:
        try:
            await self._outcomes.evict(victim, pod, node)
        except (ApiError, *LINK_FAILURES) as error:
            log.info("preemption failed pod=%s/%s victim=%s/%s error=%s", *pod.key, *victim.key, error)
            told = self._pods.store.get(victim.key)
            if told is not None and told.node:
                self._cluster.place(told)
            self._heal(Cure.LEFT)

    # What the informers tell

    def _pod_changed(self, _event: str, old: Pod | None, new: Pod | None) -> None:
        if new is None or new.ended:
            gone = new or old
            if gone is not None:
                self._queue.remove(gone.key)
                self._cluster.nominations.forget(gone.key)
                if self._cluster.remove_pod(gone.key) is not None:
                    self._heal(Cure.LEFT)
        elif new.node:
            self._queue.remove(new.key)
            self._cluster.nominations.forget(new.key)
            self._cluster.place(new)
            if old is None or not old.node:
                self._heal(Cure.CAME)
        elif new.scheduler == NAME and not new.gated and not new.deleting:
            if new.nominated and (old is None or old.nominated != new.nominated):
                self._cluster.nominations.promise(new, new.nominated)
            self._queue.add(new)
            self._wake.set()
        else:
            self._queue.remove(new.key)
            self._cluster.nominations.forget(new.key)

    def _node_changed(self, _event: str, old: Node | None, new: Node | None) -> None:
        if new is not None:
            if self._cluster.set_node(new):
                self._heal(Cure.NODE)
        elif old is not None:
            self._cluster.remove_node(old.name)

    def _heartbeat(self, _event: str, old: tuple[str, Load] | None, new: tuple[str, Load] | None) -> None:
        """Only a load that changed is told: the projection leaves the time out."""
        if new is not None:
            self._cluster.set_load(*new)
        elif old is not None:
            self._cluster.set_load(old[0], NO_LOAD)

    def _namespace_changed(self, _event: str, old: Any, new: Any) -> None:
        if new is not None:
            name, labels = new
            self._cluster.namespaces[name] = labels
        else:
            self._cluster.namespaces.pop(old[0], None)

    def _claim_changed(self, _event: str, old: Claim | None, new: Claim | None) -> None:
        _keep(self._cluster.storage.claims, old and old.key, new and new.key, new)
        self._claiming.moved()
        self._heal(Cure.CLAIM)

    def _volume_changed(self, _event: str, old: Volume | None, new: Volume | None) -> None:
        _keep(self._cluster.storage.volumes, old and old.name, new and new.name, new)
        self._heal(Cure.CLAIM)

    def _class_changed(self, _event: str, old: StorageClass | None, new: StorageClass | None) -> None:
        _keep(self._cluster.storage.classes, old and old.name, new and new.name, new)
        self._heal(Cure.CLAIM)

    def _budget_changed(self, _event: str, old: Budget | None, new: Budget | None) -> None:
        _keep(self._cluster.budgets, old and old.key, new and new.key, new)

    def _heal(self, cure: Cure) -> None:
        self._queue.heal(cure)
        self._wake.set()


def _following(client: Client, kind: Kind, project: Any, callback: Any, namespace: str = "") -> Informer:
    informer = Informer(client, kind, namespace, project=project)
    informer.on_change(callback)
    return informer


def _labels(obj: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return obj["metadata"]["name"], obj["metadata"].get("labels") or {}


def _keep(table: dict[Any, Any], old: Any, new: Any, value: Any) -> None:
    """Follow one object: under its key while it is there."""
    if value is not None:
        table[new] = value
    else:
        table.pop(old, None)
