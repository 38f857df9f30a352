"""Disruption budgets: how many of a budget's pods may be evicted now; the eviction itself spends from what is written here.

`status` is pure.  A percentage, and maxUnavailable, are of what the pods' controllers ask for, so that pods that are missing
already count as disrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kube import selectors, times
from kube.events import about
from kube.kinds import Kind, known
from master.controllers.context import POD, Context
from master.controllers.daemons import share
from master.controllers.loop import Loop
from master.controllers.objects import (
    Key,
    Object,
    condition,
    controller_of,
    is_active,
    is_deleting,
    is_ready,
    key_of,
    status_patch,
)

BUDGET = known("policy/v1", "PodDisruptionBudget")
DEPLOYMENT, REPLICA_SET = known("apps/v1", "Deployment"), known("apps/v1", "ReplicaSet")
SCALED: tuple[Kind, ...] = (
    REPLICA_SET,
    DEPLOYMENT,
    known("apps/v1", "StatefulSet"),
    known("v1", "ReplicationController"),
)
EVICTION_SECONDS = timedelta(minutes=2)
"""An eviction that has not ended its pod by then is no longer counted on."""


def selected(budget: Object, pods: Sequence[Object]) -> list[Object]:
    """The budget's pods that have not ended; an empty selector is every pod, none at all is none."""
    selector = budget["spec"].get("selector")
    if selector is None:
        return []
    matching = selectors.from_object(selector)
    return [p for p in pods if matching.matches(p["metadata"].get("labels") or {}) and (is_active(p) or is_deleting(p))]


def wanted(budget: Object, expected: int) -> int:
    """The pods that must stay healthy of `expected`."""
    spec = budget["spec"]
    if "maxUnavailable" in spec:
        return max(0, expected - share(spec["maxUnavailable"], expected))
    return share(spec.get("minAvailable", 1), expected)


def by_scale(budget: Object) -> bool:
    """Whether the budget is about what controllers ask for, not about the pods that happen to be there."""
    spec = budget["spec"]
    return "maxUnavailable" in spec or isinstance(spec.get("minAvailable"), str)


def status(budget: Object, pods: Sequence[Object], expected: int, now: datetime) -> Object:
    """The budget's whole status: `pods` are its own, `expected` how many there should be."""
    before = budget.get("status") or {}
    disrupted = _still_disrupted(before.get("disruptedPods") or {}, pods, now)
    healthy = sum(is_ready(p) and not is_deleting(p) and p["metadata"]["name"] not in disrupted for p in pods)
    desired = wanted(budget, expected)
    allowed = max(0, healthy - desired) if expected else 0
    generation = budget["metadata"].get("generation", 0)
    return {
        **({"disruptedPods": disrupted} if disrupted else {}),
        "observedGeneration": generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": [_condition(budget, allowed > 0, generation, now)],
    }


def _still_disrupted(evicted: Mapping[str, str], pods: Sequence[Object], now: datetime) -> dict[str, str]:
    """Evictions under way: of pods that are there and not on their way out yet, and not too long ago."""
    present = {pod["metadata"]["name"] for pod in pods if not is_deleting(pod)}
    return {name: at for name, at in evicted.items() if name in present and now - times.parse(at) < EVICTION_SECONDS}


def _condition(budget: Object, allowed: bool, generation: int, now: datetime) -> Object:
    said = "True" if allowed else "False"
    before = condition(budget, "DisruptionAllowed")
    since = before["lastTransitionTime"] if before and before["status"] == said else times.text(now)
    return {
        "type": "DisruptionAllowed",
        "status": said,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
    }


class Disruptions:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._budgets, self._pods = context.informer(BUDGET), context.informer(POD)
        self._scaled = {row.kind: context.informer(row) for row in SCALED}
        self._events = context.recorder("controllermanager")
        self._told: set[str] = set()
        self.loop = Loop("disruption", self.reconcile, lambda: list(self._budgets.store), period=60.0)
        self._budgets.on_change(lambda _event, old, new: self.loop.add(key_of(new or old or {})))
        self._pods.on_change(self._pod_changed)
        for informer in self._scaled.values():
            informer.on_change(self._pod_changed)

    def _pod_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        """A pod or a controller of pods changed: the budgets of its namespace look again; there are few."""
        if self._budgets.store:
            namespace = (new or old or {})["metadata"]["namespace"]
            for key in self._budgets.store:
                if key[0] == namespace:
                    self.loop.add(key)

    async def reconcile(self, key: Key) -> float | None:
        if key not in self._budgets.store:
            return None
        budget = await self._client.get(BUDGET, *key)
        pods = selected(budget, [pod for (namespace, _), pod in self._pods.store.items() if namespace == key[0]])
        self._tell(budget, pods)
        expected = self._expected(pods) if by_scale(budget) else sum(map(is_active, pods))
        after = status(budget, pods, expected, datetime.now(UTC))
        change = status_patch(budget.get("status") or {}, after)
        if change is not None:
            # Only over what was read: an eviction may have spent from it meanwhile.
            version = {"metadata": {"resourceVersion": budget["metadata"]["resourceVersion"]}}
            await self._client.patch(BUDGET, *key, change | version, subresource="status")
        return EVICTION_SECONDS.total_seconds() if "disruptedPods" in after else None

    def _tell(self, budget: Object, pods: Sequence[Object]) -> None:
        """Once for each budget that covers nothing."""
        uid = budget["metadata"]["uid"]
        if not pods and uid not in self._told:
            self._told.add(uid)
            self._events.record(about(BUDGET, budget), "Normal", "NoPods", "No matching pods found")

    def _expected(self, pods: Sequence[Object]) -> int:
        """What the pods' controllers ask for, each counted once; a pod of nobody's counts itself."""
        scales: dict[str, int] = {}
        for pod in pods:
            owner, replicas = self._scale(pod)
            scales[owner] = replicas
        return sum(scales.values())

    def _scale(self, pod: Object) -> tuple[str, int]:
        reference = controller_of(pod)
        found: Any = None
        namespace = pod["metadata"]["namespace"]
        while reference is not None and reference["kind"] in self._scaled:
            above = self._scaled[reference["kind"]].store.get((namespace, reference["name"]))
            if above is None:
                break
            found, reference = above, controller_of(above)
        if found is None:
            return pod["metadata"]["uid"], 1
        return found["metadata"]["uid"], int(found["spec"].get("replicas", 1))


def build(context: Context) -> Loop:
    return Disruptions(context).loop
