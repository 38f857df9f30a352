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

from kube import kinds, times
from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, About, Recorder
from kube.informers import LINK_FAILURES, Informer
from kube.kinds import Kind
from kube.layout import Layout
from master.scheduler.cluster import Cluster
from master.scheduler.nodes import NO_LOAD, Load, Node, read_heartbeat, read_node
from master.scheduler.pods import Key, Pod, read_pod
from master.scheduler.queue import Queue
from master.scheduler.scheduling import Cure, Placement, Scheduler, Unschedulable

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
LEASE = kinds.known("coordination.k8s.io/v1", "Lease")


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
        self._pods = _following(client, POD, read_pod, self._pod_changed)
        self._informers = [
            self._pods,
            _following(client, NODE, read_node, self._node_changed),
            _following(client, NAMESPACE, _labels, self._namespace_changed),
            _following(client, CLAIM, _claim, self._claim_changed),
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
            if isinstance(decision, Placement):
                await self._slots.acquire()
                self._cluster.place(replace(pod, node=decision.node))
                self._queue.heal(Cure.CAME)
                group.create_task(self._bind(pod, decision.node))
            else:
                await self._slots.acquire()
                self._queue.wait(pod.key, decision.cures)
                group.create_task(self._explain(pod, decision))
            decided += 1
            if decided % TURN == 0:
                self._cluster.forget_tallies()
                await asyncio.sleep(0)

    async def _bind(self, pod: Pod, node: str) -> None:
        namespace, name = pod.key
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            await self._client.create(POD, namespace, binding, "binding", name)
        except (ApiError, *LINK_FAILURES) as error:
            self._unassume(pod, node, error)
        else:
            said = f"Successfully assigned {namespace}/{name} to {node}"
            self._events.record(_about(pod), NORMAL, "Scheduled", said)
        finally:
            self._slots.release()

    def _unassume(self, pod: Pod, node: str, error: Exception) -> None:
        """The binding was refused or its answer lost: the pod waits again, unless the API has told more meanwhile."""
        log.info("binding failed pod=%s/%s node=%s error=%s", *pod.key, node, error)
        assumed, told = self._cluster.placed(pod.key), self._pods.store.get(pod.key)
        if assumed is not None and assumed.uid == pod.uid and not (told is not None and told.node):
            self._cluster.remove_pod(pod.key)
            self._queue.retry(pod.key)
            self._wake.set()

    async def _explain(self, pod: Pod, decision: Unschedulable) -> None:
        """The condition and the event that say why the pod waits; the condition only when it says something new."""
        try:
            if pod.unschedulable != decision.message:
                self._events.record(_about(pod), WARNING, "FailedScheduling", decision.message)
                await self._client.patch(
                    POD, *pod.key, waiting_condition(pod, decision.message), "strategic", subresource="status"
                )
        except (ApiError, *LINK_FAILURES) as error:
            log.info("condition not written pod=%s/%s error=%s", *pod.key, error)
        finally:
            self._slots.release()

    # What the informers tell

    def _pod_changed(self, _event: str, old: Pod | None, new: Pod | None) -> None:
        if new is None or new.ended:
            gone = new or old
            if gone is not None:
                self._queue.remove(gone.key)
                if self._cluster.remove_pod(gone.key) is not None:
                    self._heal(Cure.LEFT)
        elif new.node:
            self._queue.remove(new.key)
            self._cluster.place(new)
            if old is None or not old.node:
                self._heal(Cure.CAME)
        elif new.scheduler == NAME and not new.gated and not new.deleting:
            self._queue.add(new)
            self._wake.set()
        else:
            self._queue.remove(new.key)

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

    def _claim_changed(self, _event: str, old: Any, new: Any) -> None:
        if new is not None:
            key, phase = new
            self._cluster.claims[key] = phase
            self._heal(Cure.CLAIM)
        else:
            self._cluster.claims.pop(old[0], None)

    def _heal(self, cure: Cure) -> None:
        self._queue.heal(cure)
        self._wake.set()


def waiting_condition(pod: Pod, message: str) -> dict[str, Any]:
    """A strategic merge patch of the pod's status."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "observedGeneration": pod.generation,
        "lastProbeTime": None,
        "lastTransitionTime": times.now(),
        "reason": "Unschedulable",
        "message": message,
    }
    return {"status": {"conditions": [condition]}}


def _following(client: Client, kind: Kind, project: Any, callback: Any, namespace: str = "") -> Informer:
    informer = Informer(client, kind, namespace, project=project)
    informer.on_change(callback)
    return informer


def _about(pod: Pod) -> About:
    return About("v1", "Pod", pod.key[0], pod.key[1], pod.uid)


def _labels(obj: dict[str, Any]) -> tuple[str, dict[str, str]]:
    return obj["metadata"]["name"], obj["metadata"].get("labels") or {}


def _claim(obj: dict[str, Any]) -> tuple[Key, str]:
    meta = obj["metadata"]
    return (meta["namespace"], meta["name"]), (obj.get("status") or {}).get("phase", "Pending")
