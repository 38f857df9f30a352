"""LimitRanger: a namespace's limit ranges give containers their defaults and hold containers, pods and claims to bounds.

How it works: `mutate` fills in what a container does not say; `validate` compares in exact quantities and tells every breach
at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kube import quantities
from kube.quantities import Quantity
from master.api.admission.plugin import Plugin, concerns, refusal
from master.api.contract import Attributes, Object, Reader
from master.api.rows import LIMIT_RANGE, PERSISTENT_VOLUME_CLAIM, POD

ANNOTATION = "kubernetes.io/limit-ranger"
CONTAINERS = (("containers", "container"), ("initContainers", "init container"))
Amounts = dict[str, str]


class LimitRanger(Plugin):
    name = "LimitRanger"
    kinds = frozenset({POD, PERSISTENT_VOLUME_CLAIM})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, POD, "CREATE"):
            return
        pod = attributes.object
        said = [words for item in self._items(attributes, "Container") for words in fill(pod["spec"], item)]
        if said:
            annotations = pod["metadata"].get("annotations") or {}
            words = "LimitRanger plugin set: " + "; ".join(said)
            pod["metadata"]["annotations"] = annotations | {ANNOTATION: words}

    async def validate(self, attributes: Attributes) -> None:
        new = attributes.object
        if new is None:
            return
        wrong: list[str] = []
        if concerns(attributes, POD, "CREATE") or (attributes.kind is POD and attributes.subresource == "resize"):
            for item in self._items(attributes, "Container"):
                wrong += [
                    words for container in _containers(new["spec"]) for words in breaches(item, *_resources(container))
                ]
            for item in self._items(attributes, "Pod"):
                wrong += breaches(item, *pod_totals(new["spec"]))
        elif concerns(attributes, PERSISTENT_VOLUME_CLAIM, "CREATE", "UPDATE"):
            for item in self._items(attributes, "PersistentVolumeClaim"):
                requests = (new["spec"].get("resources") or {}).get("requests") or {}
                wrong += breaches(item, requests, {})
        if wrong:
            raise refusal(attributes, wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")

    def _items(self, attributes: Attributes, kind: str) -> Iterator[Object]:
        for limit_range in self._reader.list(LIMIT_RANGE, attributes.namespace):
            for item in limit_range["spec"].get("limits") or ():
                if item["type"] == kind:
                    yield item


def fill(spec: Object, item: Object) -> Iterator[str]:
    """Gives containers the item's defaults; yields what was set, in the annotation's words."""
    for field, word in CONTAINERS:
        for container in spec.get(field) or ():
            resources = container.get("resources") or {}
            for side, source, plural in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
                present = resources.get(side) or {}
                added = {name: amount for name, amount in (item.get(source) or {}).items() if name not in present}
                if added:
                    resources[side] = present | added
                    yield f"{', '.join(sorted(added))} {plural} for {word} {container['name']}"
            container["resources"] = resources


def breaches(item: Object, requests: Amounts, limits: Amounts) -> list[str]:
    """What the item forbids about these requests and limits; bounds in order: least, most, ratio."""
    kind = item["type"]
    wrong = [_below(kind, name, bound, requests, limits) for name, bound in sorted((item.get("min") or {}).items())]
    wrong += [_above(kind, name, bound, requests, limits) for name, bound in sorted((item.get("max") or {}).items())]
    ratios = (item.get("maxLimitRequestRatio") or {}).items()
    wrong += [_ratio(kind, name, bound, requests, limits) for name, bound in sorted(ratios)]
    return list(filter(None, wrong))


def _below(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    least, words = quantities.parse(bound), f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        return f"{words}.  No request is specified"
    if quantities.parse(requests[name]) < least:
        return f"{words}, but request is {requests[name]}"
    if name in limits and quantities.parse(limits[name]) < least:
        return f"{words}, but limit is {limits[name]}"
    return ""


def _above(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    most, words = quantities.parse(bound), f"maximum {name} usage per {kind} is {bound}"
    if kind == "PersistentVolumeClaim":
        over = name in requests and most < quantities.parse(requests[name])
        return f"{words}, but request is {requests[name]}" if over else ""
    if name not in limits:
        return f"{words}.  No limit is specified"
    if most < quantities.parse(limits[name]):
        return f"{words}, but limit is {limits[name]}"
    if name in requests and most < quantities.parse(requests[name]):
        return f"{words}, but request is {requests[name]}"
    return ""


def _ratio(kind: str, name: str, bound: str, requests: Amounts, limits: Amounts) -> str:
    words = f"{name} max limit to request ratio per {kind} is {bound}"
    request, limit = (_nanos(side.get(name)) for side in (requests, limits))
    if not request:
        return f"{words}, but no request is specified or request is 0"
    if not limit:
        return f"{words}, but no limit is specified or limit is 0"
    ratio = limit / request
    return f"{words}, but provided ratio is {ratio:f}" if limit * 10**9 > _nanos(bound) * request else ""


def pod_totals(spec: Object) -> tuple[Amounts, Amounts]:
    """What the pod as a whole asks for: its containers together, or its greediest init container."""
    return _total(spec, "requests"), _total(spec, "limits")


def _total(spec: Object, side: str) -> Amounts:
    sums: dict[str, Quantity] = {}
    for container in spec.get("containers") or ():
        for name, amount in ((container.get("resources") or {}).get(side) or {}).items():
            sums[name] = sums[name] + quantities.parse(amount) if name in sums else quantities.parse(amount)
    for container in spec.get("initContainers") or ():
        for name, amount in ((container.get("resources") or {}).get(side) or {}).items():
            sums[name] = max(sums.get(name, quantities.parse("0")), quantities.parse(amount))
    return {name: str(amount) for name, amount in sums.items()}


def _containers(spec: Object) -> Iterator[Object]:
    for field, _ in CONTAINERS:
        yield from spec.get(field) or ()


def _resources(container: Object) -> tuple[Any, Any]:
    resources = container.get("resources") or {}
    return resources.get("requests") or {}, resources.get("limits") or {}


def _nanos(amount: str | None) -> int:
    return quantities.parse(amount).nanos if amount else 0
