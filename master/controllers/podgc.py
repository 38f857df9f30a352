"""Pod collection: pods that nobody will end any more; those that have not ended are told to have failed.

`plan` names three sorts: on a node that is gone, being deleted without ever having had a node, and ended ones beyond what
is worth keeping (the oldest first).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kube import times
from kube.disruptions import disruption
from master.controllers.context import NODE, POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import Object, is_deleting, is_ended, key_of

ENDED_KEPT = 12500
PERIOD = 20.0
QUARANTINE = 40.0
"""Seconds a node must be missing before its pods are taken for lost."""


def plan(
    pods: Iterable[Object], nodes: Collection[str], trusted_missing: Collection[str], kept: int = ENDED_KEPT
) -> list[Object]:
    """The pods to delete without grace; `trusted_missing` are nodes known to be gone for long enough."""
    doomed, ended = [], []
    for pod in pods:
        node = pod["spec"].get("nodeName", "")
        if (node and node not in nodes and node in trusted_missing) or (not node and is_deleting(pod)):
            doomed.append(pod)
        elif is_ended(pod) and not is_deleting(pod):
            ended.append(pod)
    surplus = max(0, len(ended) - kept)
    if surplus:
        ended.sort(key=lambda pod: pod["metadata"].get("creationTimestamp", ""))
        doomed += ended[:surplus]
    return doomed


def failed(pod: Object) -> Object:
    """The status of a pod that is collected before it ended; one whose node went was disrupted."""
    if not pod["spec"].get("nodeName"):
        return {"phase": "Failed"}
    why = "DeletionByPodGC", "PodGC: node no longer exists"
    return {"phase": "Failed", "conditions": [disruption(pod["metadata"].get("generation", 0), *why, times.now())]}


def build(context: Context) -> Loop:
    return PodCollector(context).loop


class PodCollector:
    def __init__(self, context: Context) -> None:
        self._client, self._clock = context.client, context.clock
        self._pods, self._nodes = context.informer(POD), context.informer(NODE)
        self._missing: dict[str, float] = {}
        self.loop = Loop("pod-garbage-collector", self.reconcile, lambda: ["all"], period=PERIOD, workers=1)

    async def reconcile(self, _key: str) -> None:
        nodes = {name for _, name in self._nodes.store}
        for pod in plan(self._pods.store.values(), nodes, self._gone(nodes)):
            if not is_ended(pod):
                change = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": failed(pod)}
                await self._client.patch(POD, *key_of(pod), change, "strategic", subresource="status")
            await self._client.delete(POD, *key_of(pod), grace=0, uid=pod["metadata"]["uid"])

    def _gone(self, nodes: Collection[str]) -> set[str]:
        """Nodes that pods name, that do not exist, and did not exist a while ago either."""
        now = self._clock()
        named = {pod["spec"].get("nodeName", "") for pod in self._pods.store.values()} - {""}
        self._missing = {name: self._missing.get(name, now) for name in named if name not in nodes}
        return {name for name, since in self._missing.items() if now - since >= QUARANTINE}
