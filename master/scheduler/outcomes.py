"""What the scheduler writes: bindings, why a pod waits, and whom it sends away for it; each failure is the caller's to judge."""

from __future__ import annotations

from typing import Any

from kube import times
from kube.client import Client
from kube.disruptions import disruption
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, About, Recorder
from kube.kinds import known
from master.scheduler.decisions import Waiting
from master.scheduler.pods import Pod

POD = known("v1", "Pod")
GONE = frozenset((404, 409))
"""Answers that say a victim is not there any more, or another pod has its name."""


class Outcomes:
    def __init__(self, client: Client, events: Recorder) -> None:
        self._client, self._events = client, events

    async def bind(self, pod: Pod, node: str) -> None:
        namespace, name = pod.key
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._client.create(POD, namespace, binding, "binding", name)
        self._events.record(_about(pod), NORMAL, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    async def explain(self, pod: Pod, decision: Waiting, promised: str) -> None:
        """The event and the condition that say why the pod waits, and the node it was promised; only what is new."""
        if (pod.unschedulable, pod.nominated) == (decision.message, promised):
            return
        if pod.unschedulable != decision.message:
            self._events.record(_about(pod), WARNING, "FailedScheduling", decision.message)
        status: dict[str, Any] = {"conditions": [_waiting(pod, decision.message)]}
        if pod.nominated != promised:
            status["nominatedNodeName"] = promised or None
        await self._client.patch(POD, *pod.key, {"status": status}, "strategic", subresource="status")

    async def evict(self, victim: Pod, pod: Pod, node: str) -> None:
        """Send a pod away with its own grace; that it is going or gone already is as well."""
        if victim.deleting:
            return
        said = f"{pod.scheduler}: preempting to accommodate a higher priority pod"
        condition = disruption(victim.generation, "PreemptionByScheduler", said, times.now())
        change = {"metadata": {"uid": victim.uid}, "status": {"conditions": [condition]}}
        try:
            await self._client.patch(POD, *victim.key, change, "strategic", subresource="status")
            await self._client.delete(POD, *victim.key, uid=victim.uid)
        except ApiError as error:
            if error.status not in GONE:
                raise
        self._events.record(_about(victim), NORMAL, "Preempted", f"Preempted by pod {pod.uid} on node {node}")

    async def break_promise(self, pod: Pod) -> None:
        """A more important pod took the room that this one was promised."""
        await self._client.patch(
            POD, *pod.key, {"status": {"nominatedNodeName": None}}, "strategic", subresource="status"
        )


def _waiting(pod: Pod, message: str) -> dict[str, Any]:
    return {
        "type": "PodScheduled",
        "status": "False",
        "observedGeneration": pod.generation,
        "lastProbeTime": None,
        "lastTransitionTime": times.now(),
        "reason": "Unschedulable",
        "message": message,
    }


def _about(pod: Pod) -> About:
    return About("v1", "Pod", pod.key[0], pod.key[1], pod.uid)
