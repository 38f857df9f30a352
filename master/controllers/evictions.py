"""Taint eviction: pods leave a node with NoExecute taints when what they tolerate has run out.

`plan` is pure: how long a pod may still stay.  A pod that says nothing about a lost node got its 300 s at admission.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from kube import times
from kube.disruptions import disruption
from kube.events import NORMAL, about
from kube.informers import Index
from kube.taints import NO_EXECUTE, read_taints, read_tolerations, tolerated_seconds
from master.controllers.context import NODE, POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_active, key_of


def plan(pod: Object, taints: Sequence[Object], now: datetime) -> float | None:
    """Seconds the pod may stay (0: it goes now), None for ever; they run from when both the taint and the pod are there."""
    evicting = [taint for taint in taints if taint["effect"] == NO_EXECUTE]
    allowed = tolerated_seconds(read_taints(evicting), read_tolerations(pod["spec"].get("tolerations")))
    if not evicting or allowed is None:
        return None
    came = (pod.get("status") or {}).get("startTime") or pod["metadata"].get("creationTimestamp")
    stamps = [came, *(taint.get("timeAdded") for taint in evicting)]
    since = max(map(times.parse, filter(None, stamps)), default=now)
    return min(allowed, max(0.0, allowed - (now - since).total_seconds()))


def build(context: Context) -> Loop:
    return TaintEviction(context).loop


class TaintEviction:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._nodes, self._pods = context.informer(NODE), context.informer(POD)
        self._pods_on = Index(self._pods, lambda pod: [pod["spec"].get("nodeName", "")])
        self._seen: dict[str, dict[tuple[str, str | None], str]] = {}
        self._events = context.recorder("taint-eviction-controller")
        self.loop = Loop("taint-eviction-controller", self.reconcile)
        self._nodes.on_change(self._node_changed)
        self._pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> float | None:
        pod = self._pods.store.get(key)
        if pod is None or not is_active(pod):
            return None
        node = self._nodes.store.get(("", pod["spec"].get("nodeName", "")))
        left = plan(pod, self._dated(node) if node else [], datetime.now(UTC))
        if left != 0:
            return left
        said = f"Marking for deletion Pod {key[0]}/{key[1]}"
        self._events.record(about(POD, pod), NORMAL, "TaintManagerEviction", said)
        why = "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"
        status = {"conditions": [disruption(pod["metadata"].get("generation", 0), *why, times.now())]}
        change = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        await self._client.patch(POD, *key, change, "strategic", subresource="status")
        await self._client.delete(POD, *key, uid=pod["metadata"]["uid"])
        return None

    def _dated(self, node: Object) -> list[Object]:
        """The evicting taints, each with the time it came; one that does not say came when it was first seen."""
        seen = self._seen.setdefault(node["metadata"]["uid"], {})
        return [
            {"timeAdded": seen.setdefault((taint["key"], taint.get("value")), times.now()), **taint}
            for taint in _evicting(node)
        ]

    def _node_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        if new is None or not _evicting(new):
            self._seen.pop((new or old or {})["metadata"]["uid"], None)
        if new is not None and _evicting(new) != _evicting(old or {"spec": {}}):
            for pod in self._pods_on.get(new["metadata"]["name"]):
                self.loop.add(key_of(pod))

    def _pod_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        if new is None or not new["spec"].get("nodeName"):
            return
        if old is not None and old["spec"] == new["spec"]:
            return
        node = self._nodes.store.get(("", new["spec"]["nodeName"]))
        if node is not None and _evicting(node):
            self.loop.add(key_of(new))


def _evicting(node: Object) -> list[Object]:
    return [taint for taint in node["spec"].get("taints") or () if taint["effect"] == NO_EXECUTE]
