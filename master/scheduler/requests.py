"""What a pod asks of a node: the sum of its containers' requests, as Kubernetes counts it.

Amounts are whole numbers: cpu in thousandths of a core, everything else in units (bytes, pieces).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kube import quantities

Amounts = dict[str, int]

SCORED_DEFAULTS = {"cpu": 100, "memory": 200 * 1024 * 1024}
"""What a container that asks for nothing weighs when nodes are ranked, so that such pods spread too."""


def amount(resource: str, text: str | int | float) -> int:
    return quantities.milli_value(str(text)) if resource == "cpu" else quantities.value(str(text))


def read_amounts(resources: Mapping[str, Any] | None) -> Amounts:
    return {name: amount(name, text) for name, text in (resources or {}).items()}


def pod_requests(spec: Mapping[str, Any], defaults: Mapping[str, int] | None = None) -> Amounts:
    """max(containers and sidecars together, each init container beside the sidecars before it), plus overhead.

    `defaults` stand in for what a container does not ask.  The pod's own `resources` go before its containers'.
    """
    together = _sum(_asked(container, defaults) for container in spec.get("containers") or ())
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container, defaults)
        if container.get("restartPolicy") == "Always":
            _add(together, asked)
            _add(sidecars, asked)
            asked = {}
        _raise(peak, _sum([asked, sidecars]))
    _raise(together, peak)
    together.update(read_amounts((spec.get("resources") or {}).get("requests")))
    _add(together, read_amounts(spec.get("overhead")))
    return {name: value for name, value in together.items() if value}


def _asked(container: Mapping[str, Any], defaults: Mapping[str, int] | None) -> Amounts:
    asked = read_amounts((container.get("resources") or {}).get("requests"))
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
