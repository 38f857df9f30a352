"""The quality of service a pod is promised, from what its containers ask for and may use."""

from __future__ import annotations

from typing import Any

from kube import quantities

COUNTED = ("cpu", "memory")


def qos_class(spec: dict[str, Any]) -> str:
    """`Guaranteed` when every container's limits are its requests, `BestEffort` when nobody asks, else `Burstable`."""
    own = spec.get("resources")
    if own and (own.get("requests") or own.get("limits")):
        everyone = [own]
    else:
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        everyone = [container.get("resources") or {} for container in containers]
    if not any(_asked(resources, "requests") or _asked(resources, "limits") for resources in everyone):
        return "BestEffort"
    return "Guaranteed" if all(map(_guaranteed, everyone)) else "Burstable"


def _asked(resources: dict[str, Any], side: str) -> dict[str, int]:
    found = resources.get(side)
    if not found:
        return {}
    amounts = {name: quantities.parse(found[name]).nanos for name in COUNTED if name in found}
    return {name: nanos for name, nanos in amounts.items() if nanos > 0}


def _guaranteed(resources: dict[str, Any]) -> bool:
    limits, requests = _asked(resources, "limits"), _asked(resources, "requests")
    return len(limits) == len(COUNTED) and all(limits[name] == amount for name, amount in requests.items())
