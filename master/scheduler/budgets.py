"""PodDisruptionBudgets as preemption asks them: which of the pods that might have to go are more than a budget grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kube import selectors
from kube.selectors import LabelSelector
from master.scheduler.pods import Key, Pod


@dataclass(frozen=True, slots=True)
class Budget:
    key: Key
    selector: LabelSelector
    allowed: int = 0
    evicted: frozenset[str] = frozenset()
    """Pods whose disruption is counted in `allowed` already."""

    def covers(self, pod: Pod) -> bool:
        """A budget without a selector covers nothing here, and a pod without labels is covered by none: as upstream."""
        mine = self.key[0] == pod.key[0] and pod.key[1] not in self.evicted
        return (
            mine and bool(self.selector.requirements and pod.shape.labels) and self.selector.matches(pod.shape.labels)
        )


def read_budget(obj: Mapping[str, Any]) -> Budget:
    meta, status = obj["metadata"], obj.get("status") or {}
    return Budget(
        key=(meta["namespace"], meta["name"]),
        selector=selectors.from_object((obj.get("spec") or {}).get("selector")),
        allowed=status.get("disruptionsAllowed") or 0,
        evicted=frozenset(status.get("disruptedPods") or ()),
    )


def divided(pods: Iterable[Pod], budgets: Iterable[Budget]) -> tuple[list[Pod], list[Pod]]:
    """The pods whose loss would violate a budget, and the others; what goes first in the order spends first."""
    left = {budget: budget.allowed for budget in budgets}
    violating: list[Pod] = []
    granted: list[Pod] = []
    for pod in pods:
        covering = [budget for budget in left if budget.covers(pod)]
        for budget in covering:
            left[budget] -= 1
        (violating if any(left[budget] < 0 for budget in covering) else granted).append(pod)
    return violating, granted
