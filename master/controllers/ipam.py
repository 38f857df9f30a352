"""Node IPAM: every node gets a part of the pods' range of its own, in `spec.podCIDR` and `spec.podCIDRs`.

`plan` is pure: the lowest free part for each node without one, in the order of names; a range that is used up says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from kube.events import WARNING, about
from master.controllers.context import NODE, Context
from master.controllers.loop import Loop
from master.controllers.objects import Object, is_deleting, key_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def plan(nodes: Iterable[Object], cluster: str, prefix: int) -> dict[str, str | None]:
    """Part by name for the nodes that have none; None where the range is used up."""
    nodes = sorted(nodes, key=lambda node: str(node["metadata"]["name"]))
    taken = {ipaddress.ip_network(cidr) for node in nodes for cidr in _parts(node)}
    free = _free(ipaddress.ip_network(cluster), prefix, taken)
    return {node["metadata"]["name"]: next(free, None) for node in nodes if not _parts(node) and not is_deleting(node)}


def _parts(node: Object) -> list[str]:
    spec = node["spec"]
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


def _free(cluster: Network, prefix: int, taken: set[Network]) -> Iterator[str]:
    others = [network for network in taken if network.prefixlen != prefix]
    for part in cluster.subnets(new_prefix=prefix):
        if part not in taken and not any(part.overlaps(other) for other in others if other.version == part.version):
            yield str(part)


def build(context: Context) -> Loop:
    return NodeRanges(context).loop


class NodeRanges:
    def __init__(self, context: Context) -> None:
        self._client, self._cluster = context.client, context.config.cluster
        self._nodes = context.informer(NODE)
        self._given: dict[str, str] = {}
        self._events = context.recorder("cidrAllocator")
        self.loop = Loop("node-ipam-controller", self.reconcile, lambda: ["all"], workers=1)
        self._nodes.on_change(self._changed)

    async def reconcile(self, _key: str) -> None:
        """One worker, and what was given is remembered until it is seen: no part goes out twice."""
        nodes = [self._as_given(node) for node in self._nodes.store.values()]
        for name, part in plan(nodes, self._cluster.pod_cidr, self._cluster.node_prefix).items():
            if part is None:
                node = self._nodes.store["", name]
                said = f"Node {name} status is now: CIDRNotAvailable: {self._cluster.pod_cidr} is used up"
                self._events.record(about(NODE, node), WARNING, "CIDRNotAvailable", said)
                continue
            await self._client.patch(NODE, "", name, {"spec": {"podCIDR": part, "podCIDRs": [part]}}, "strategic")
            self._given[name] = part

    def _as_given(self, node: Object) -> Object:
        part = self._given.get(node["metadata"]["name"])
        return {**node, "spec": {**node["spec"], "podCIDR": part}} if part and not _parts(node) else node

    def _changed(self, event: str, old: Object | None, new: Object | None) -> None:
        node = new or old or {}
        if event == "DELETED" or _parts(node):
            self._given.pop(key_of(node)[1], None)
        if event != "MODIFIED" or not _parts(node):
            self.loop.add("all")
