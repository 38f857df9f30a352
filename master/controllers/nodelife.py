"""Node lifecycle: a node whose Lease is not renewed is told Unknown and tainted, and cleared when it speaks again.

`plan` is pure: from the node, when it was last heard (by this master's own clock: nodes' clocks may be wrong) and the time,
to the conditions and taints it should have.  Evicting pods from tainted nodes is `evictions`' work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kube import times
from kube.events import NORMAL, about
from kube.informers import Index
from kube.taints import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE, UNSCHEDULABLE
from master.controllers.context import LEASE, NODE, POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, condition, is_ended, key_of, set_condition

LEASES = "kube-node-lease"
PERIOD = 5.0
SILENT = "NodeStatusUnknown"
SAID = "Kubelet stopped posting node status."
NEVER_SAID = "Kubelet never posted node status."
CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
PRESSURES = {
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
READINESS = {"False": NOT_READY, "Unknown": UNREACHABLE}
OURS = frozenset((*PRESSURES.values(), *READINESS.values(), UNSCHEDULABLE))
"""The taints that follow from conditions and cordoning; any other is somebody else's."""


@dataclass(frozen=True)
class Plan:
    """None where nothing is to change."""

    conditions: list[Object] | None = None
    taints: list[Object] | None = None


def plan(node: Object, silent_for: float, grace: float, now: datetime) -> Plan:
    before = (node.get("status") or {}).get("conditions") or []
    conditions = unknown(before, now) if silent_for > grace else before
    taints = node["spec"].get("taints") or []
    wanted = taints_for(node, conditions, taints, now)
    return Plan(conditions if conditions != before else None, wanted if wanted != taints else None)


def unknown(before: Sequence[Object], now: datetime) -> list[Object]:
    """Nobody vouches for any condition any more."""
    result = list(before)
    for type_ in CONDITIONS:
        present = next((item for item in before if item["type"] == type_), None)
        if present is not None and present["status"] == "Unknown":
            continue
        said = {"type": type_, "status": "Unknown", "reason": SILENT, "message": SAID}
        if present is None:
            said |= {"reason": "NodeStatusNeverUpdated", "message": NEVER_SAID}
        elif "lastHeartbeatTime" in present:
            said["lastHeartbeatTime"] = present["lastHeartbeatTime"]
        result = set_condition(result, said, times.text(now))
    return result


def taints_for(node: Object, conditions: Sequence[Object], present: Sequence[Object], now: datetime) -> list[Object]:
    """Others' taints as they are, ours as conditions and cordoning ask; those that stay keep their time."""
    states = {item["type"]: item["status"] for item in conditions}
    keys = [(key, NO_SCHEDULE) for (type_, status), key in PRESSURES.items() if states.get(type_) == status]
    unready = READINESS.get(states.get("Ready", ""))
    if "Ready" not in states:
        keys.append((NOT_READY, NO_SCHEDULE))
    elif unready:
        keys += [(unready, NO_SCHEDULE), (unready, NO_EXECUTE)]
    if node["spec"].get("unschedulable"):
        keys.append((UNSCHEDULABLE, NO_SCHEDULE))
    wanted = set(keys)
    kept = [taint for taint in present if taint["key"] not in OURS or (taint["key"], taint["effect"]) in wanted]
    there = {(taint["key"], taint["effect"]) for taint in kept}
    return [*kept, *(_taint(key, effect, now) for key, effect in keys if (key, effect) not in there)]


def _taint(key: str, effect: str, now: datetime) -> Object:
    stamped = {"timeAdded": times.text(now)} if effect == NO_EXECUTE or key in READINESS.values() else {}
    return {"key": key, "effect": effect, **stamped}


def build(context: Context) -> Loop:
    return NodeLife(context).loop


class NodeLife:
    def __init__(self, context: Context) -> None:
        self._client, self._clock = context.client, context.clock
        self._grace = context.config.controllers.node_grace_seconds
        self._nodes, self._leases = context.informer(NODE), context.informer(LEASE)
        self._pods_on = Index(context.informer(POD), lambda pod: [pod["spec"].get("nodeName", "")])
        self._heard: dict[str, float] = {}
        self._events = context.recorder("node-controller")
        self.loop = Loop("node-lifecycle-controller", self.reconcile, self._names, period=PERIOD)
        self._nodes.on_change(self._node_changed)
        self._leases.on_change(self._lease_changed)

    def _names(self) -> list[str]:
        return [name for _, name in self._nodes.store]

    async def reconcile(self, name: str) -> None:
        node = self._nodes.store.get(("", name))
        if node is None:
            return
        now = datetime.now(UTC)
        silent_for = self._clock() - self._heard.setdefault(name, self._clock())
        todo = plan(node, silent_for, self._grace, now)
        if todo.conditions is not None:
            await self._client.patch(NODE, "", name, {"status": {"conditions": todo.conditions}}, subresource="status")
            self._events.record(about(NODE, node), NORMAL, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            await self._unready_pods(name)
        if todo.taints is not None:
            await self._client.patch(NODE, "", name, {"spec": {"taints": todo.taints or None}})

    async def _unready_pods(self, name: str) -> None:
        """Traffic must not go where nobody answers: the pods of a silent node are not ready."""
        for pod in self._pods_on.get(name):
            ready = condition(pod, "Ready")
            if is_ended(pod) or ready is None or ready["status"] != "True":
                continue
            change = {"type": "Ready", "status": "False", "lastTransitionTime": times.now()}
            patch = {"status": {"conditions": [change]}}
            await self._client.patch(POD, *key_of(pod), patch, "strategic", subresource="status")

    def _node_changed(self, event: str, old: Object | None, new: Object | None) -> None:
        name = key_of(new or old or {})[1]
        if event == "DELETED":
            self._heard.pop(name, None)
        else:
            if event == "ADDED" or _spoke(old or {}, new or {}):
                self._heard[name] = self._clock()
            self.loop.add(name)

    def _lease_changed(self, event: str, _old: Object | None, new: Object | None) -> None:
        key: Key = key_of(new) if new is not None else ("", "")
        if key[0] == LEASES and event == "MODIFIED":
            self._heard[key[1]] = self._clock()


def _spoke(old: Object, new: Object) -> bool:
    """Whether the node itself wrote its status: its heartbeat moved."""
    before, after = condition(old, "Ready") or {}, condition(new, "Ready") or {}
    return bool(before.get("lastHeartbeatTime") != after.get("lastHeartbeatTime"))
