"""Kinds served in two versions of one store: events and autoscalers.

Each row names the kind asked for, the kind stored, and the two ways between them.  Every other kind is stored as served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kube.kinds import Kind, by_resource

Object = dict[str, Any]
Way = Callable[[Object], Object]


def _same(obj: Object) -> Object:
    return obj


@dataclass(frozen=True, slots=True)
class Version:
    """A kind as a client asks for it, over the kind as stored."""

    kind: Kind
    stored: Kind
    to_stored: Way = _same
    present: Way = _same

    @property
    def is_stored(self) -> bool:
        """Whether stored bytes can be answered as they are."""
        return self.present is _same


_RENAMED = (
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)
"""(events.k8s.io/v1, core/v1) names of an event's members."""


def event_to_core(event: Object) -> Object:
    names = dict(_RENAMED)
    return {names.get(key, key): value for key, value in event.items()} | {"apiVersion": "v1"}


def event_from_core(event: Object) -> Object:
    names = {core: new for new, core in _RENAMED}
    return {names.get(key, key): value for key, value in event.items()} | {"apiVersion": "events.k8s.io/v1"}


def autoscaler_to_v2(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        spec["metrics"] = [_cpu_metric({"target": {"type": "Utilization", "averageUtilization": target}})]
    current = status.pop("currentCPUUtilizationPercentage", None)
    if current is not None:
        status["currentMetrics"] = [_cpu_metric({"current": {"averageUtilization": current}})]
    return obj | {"apiVersion": "autoscaling/v2", "spec": spec} | ({"status": status} if status else {})


def autoscaler_to_v1(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    target = _cpu_utilization(spec.pop("metrics", None), "target")
    if target is not None:
        spec["targetCPUUtilizationPercentage"] = target
    current = _cpu_utilization(status.pop("currentMetrics", None), "current")
    if current is not None:
        status["currentCPUUtilizationPercentage"] = current
    spec.pop("behavior", None)
    status.pop("conditions", None)
    return obj | {"apiVersion": "autoscaling/v1", "spec": spec} | ({"status": status} if status else {})


def _cpu_metric(values: Object) -> Object:
    return {"type": "Resource", "resource": {"name": "cpu"} | values}


def _cpu_utilization(metrics: list[Object] | None, member: str) -> int | None:
    for metric in metrics or ():
        resource = metric.get("resource") or {}
        if metric.get("type") == "Resource" and resource.get("name") == "cpu":
            found: int | None = (resource.get(member) or {}).get("averageUtilization")
            return found
    return None


_ROWS: dict[tuple[str, str, str], tuple[tuple[str, str, str], Way, Way]] = {
    ("events.k8s.io", "v1", "events"): (("", "v1", "events"), event_to_core, event_from_core),
    ("autoscaling", "v1", "horizontalpodautoscalers"): (
        ("autoscaling", "v2", "horizontalpodautoscalers"),
        autoscaler_to_v2,
        autoscaler_to_v1,
    ),
}


def served_over(stored: Kind) -> list[Kind]:
    """The other kinds under which objects of a built-in kind are served."""
    key = (stored.group, stored.version, stored.plural)
    return [kind for asked, row in _ROWS.items() if row[0] == key and (kind := by_resource(*asked)) is not None]


_KNOWN: dict[tuple[str, str, str], Version] = {}


def version_of(kind: Kind) -> Version:
    key = (kind.group, kind.version, kind.plural)
    found = _KNOWN.get(key)
    if found is None or found.kind is not kind:
        found = _KNOWN[key] = _version(kind, key)
    return found


def _version(kind: Kind, key: tuple[str, str, str]) -> Version:
    if kind.custom is not None:
        as_it_is = kind.custom.is_stored or kind.custom.webhook is not None  # what a webhook converts, comes converted
        return Version(kind, kind, _same, _same if as_it_is else kind.custom.present)
    row = _ROWS.get(key)
    stored = by_resource(*row[0]) if row else None
    if row is None or stored is None:
        return Version(kind, kind)
    return Version(kind, stored, row[1], row[2])
