"""What a pod asks of a node: the sum of its containers' requests, as Kubernetes counts it.

Amounts are whole numbers: cpu in thousandths of a core, everything else in units (bytes, pieces).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kube import quantities

Amounts = dict[str, int]

SCORED_DEFAULTS = {"cpu": 100, "memory": 200 * 1024 * 1024}
"""What a container that asks for nothing weighs when nodes are ranked, so that such pods spread too."""


def amount(resource: str, text: str | int | float) -> int:
    return quantities.milli_value(str(text)) if resource == "cpu" else quantities.value(str(text))


def read_amounts(resources: Mapping[str, Any] | None) -> Amounts:
    return {name: amount(name, text) for name, text in (resources or {}).items()}


Held = Mapping[str, Mapping[str, Any]]
"""By a container's name, what it holds on its node where that is not what it asks for: a resize is under way."""
NOTHING_HELD: Held = MappingProxyType({})


def held(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Held:
    """What was allocated and what is in force, the larger of both.  KEP-1287."""
    rows = status.get("containerStatuses")
    if not rows:
        return NOTHING_HELD
    asked = {row["name"]: (row.get("resources") or {}).get("requests") or {} for row in spec.get("containers") or ()}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        wanted = asked.get(row["name"], {})
        allocated = row.get("allocatedResources") or wanted
        present = (row.get("resources") or {}).get("requests") or wanted
        if not allocated == present == wanted:
            names = {*allocated, *present}
            found[row["name"]] = {name: _larger(name, allocated.get(name), present.get(name)) for name in names}
    return found or NOTHING_HELD


def _larger(resource: str, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other, key=lambda text: amount(resource, text))


def pod_requests(
    spec: Mapping[str, Any], defaults: Mapping[str, int] | None = None, holds: Held = NOTHING_HELD
) -> Amounts:
    """max(containers and sidecars together, each init container beside the sidecars before it), plus overhead.

    `defaults` stand in for what a container does not ask; what one `holds` counts where it is more.  The pod's own
    `resources` go before its containers'.
    """
    together = _sum(_asked(container, defaults, holds) for container in spec.get("containers") or ())
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container, defaults, holds)
        if container.get("restartPolicy") == "Always":
            _add(together, asked)
            _add(sidecars, asked)
            asked = {}
        _raise(peak, _sum([asked, sidecars]))
    _raise(together, peak)
    together.update(read_amounts((spec.get("resources") or {}).get("requests")))
    _add(together, read_amounts(spec.get("overhead")))
    return {name: value for name, value in together.items() if value}


def _asked(container: Mapping[str, Any], defaults: Mapping[str, int] | None, holds: Held) -> Amounts:
    asked = read_amounts((container.get("resources") or {}).get("requests"))
    if holds:
        _raise(asked, read_amounts(holds.get(container["name"])))
    return {**defaults, **asked} if defaults else asked


def _sum(parts: Iterable[Mapping[str, int]]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        _add(total, part)
    return total


def _add(total: Amounts, part: Mapping[str, int]) -> None:
    for name, value in part.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Amounts, floor: Mapping[str, int]) -> None:
    for name, value in floor.items():
        total[name] = max(total.get(name, 0), value)
