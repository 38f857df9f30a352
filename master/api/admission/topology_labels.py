"""PodTopologyLabels: a pod that comes to a node gets the labels that say in which zone and region the node is."""

from __future__ import annotations

from master.api.admission.plugin import Plugin
from master.api.contract import Attributes, Object, Reader
from master.api.rows import NODE, POD

COPIED = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class TopologyLabels(Plugin):
    name = "PodTopologyLabels"
    kinds = frozenset({POD})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        obj = attributes.object
        if obj is None or attributes.operation != "CREATE" or attributes.subresource not in ("", "binding"):
            return
        name = _node_of(obj, attributes.subresource)
        node = self._reader.get(NODE, "", name) if name else None
        labels = (node or {"metadata": {}})["metadata"].get("labels") or {}
        copied = {key: labels[key] for key in COPIED if key in labels}
        if copied:
            meta = obj.setdefault("metadata", {})
            meta["labels"] = (meta.get("labels") or {}) | copied


def _node_of(obj: Object, subresource: str) -> str:
    """Of a pod, or of the binding of one."""
    found = (obj.get("target") or {}).get("name") if subresource else (obj.get("spec") or {}).get("nodeName")
    return str(found or "")
