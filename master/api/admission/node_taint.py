"""TaintNodesByCondition: a new node takes no pods until a controller has seen it ready."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns
from master.api.contract import Attributes
from master.api.rows import NODE

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class NodeTaint(Plugin):
    name = "TaintNodesByCondition"
    kinds = frozenset({NODE})

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, NODE, "CREATE"):
            return
        spec = attributes.object.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any((taint.get("key"), taint.get("effect")) == tuple(NOT_READY.values()) for taint in taints):
            spec["taints"] = [*taints, dict(NOT_READY)]
