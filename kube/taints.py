"""Taints and tolerations: which pods a node repels, and for how long a pod stays on one that does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

NO_SCHEDULE, PREFER_NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "PreferNoSchedule", "NoExecute"
NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


class Taint(NamedTuple):
    key: str
    value: str
    effect: str


class Toleration(NamedTuple):
    """`seconds` bounds how long a NoExecute taint is tolerated; None is for ever."""

    key: str
    operator: str
    value: str
    effect: str
    seconds: int | None

    def tolerates(self, taint: Taint) -> bool:
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.operator == "Exists" or (bool(self.key) and self.value == taint.value)


def read_taints(items: Iterable[Mapping[str, str]] | None) -> tuple[Taint, ...]:
    return tuple(Taint(item["key"], item.get("value", ""), item["effect"]) for item in items or ())


def read_tolerations(items: Iterable[Mapping[str, str]] | None) -> tuple[Toleration, ...]:
    return tuple(
        Toleration(
            item.get("key", ""),
            item.get("operator") or "Equal",
            item.get("value", ""),
            item.get("effect", ""),
            int(item["tolerationSeconds"]) if item.get("tolerationSeconds") is not None else None,
        )
        for item in items or ()
    )


def first_untolerated(
    taints: Iterable[Taint], tolerations: tuple[Toleration, ...], effects: tuple[str, ...]
) -> Taint | None:
    for taint in taints:
        if taint.effect in effects and not any(toleration.tolerates(taint) for toleration in tolerations):
            return taint
    return None


def tolerated_seconds(taints: Iterable[Taint], tolerations: tuple[Toleration, ...]) -> float | None:
    """How long a pod may stay under the NoExecute taints: 0 is not at all, None for ever, else the shortest bound."""
    shortest: float | None = None
    for taint in taints:
        if taint.effect != NO_EXECUTE:
            continue
        fitting = [toleration for toleration in tolerations if toleration.tolerates(taint)]
        if not fitting:
            return 0
        bounds = [max(0, toleration.seconds) for toleration in fitting if toleration.seconds is not None]
        if bounds:
            shortest = min(bounds) if shortest is None else min(shortest, *bounds)
    return shortest
