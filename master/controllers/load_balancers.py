"""Addresses for Services of type LoadBalancer, from a pool, and the node that announces each on the LAN.

`plan` is pure: an address stays with its Service while the pool has it; its announcer stays while it is well and, where
traffic must not leave the node, has an endpoint.  The agent of that node does the announcing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kube import pools
from kube.events import WARNING, about
from kube.services import ANNOUNCER
from master.controllers.context import NODE, Context
from master.controllers.endpoints import SERVICE, SERVICE_NAME, SLICE
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, condition, is_deleting, key_of

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass(frozen=True, slots=True)
class Given:
    """What a Service has; no `address` where the pool is used up, no `node` where none can announce it."""

    address: str
    node: str


def plan(
    services: Iterable[Object], pool: Iterable[str], nodes: Iterable[str], homes: Mapping[Key, set[str]]
) -> dict[Key, Given]:
    """`nodes` are well, `homes` the nodes with ready endpoints of a Service."""
    pool, nodes = list(pool), sorted(nodes)
    ours = sorted(filter(is_ours, services), key=_age)
    taken: dict[str, Key] = {}
    for service in ours:
        if (present := address_of(service)) in pool:
            taken.setdefault(present, key_of(service))
    held = {key: address for address, key in taken.items()}
    found = {}
    for service in ours:
        key = key_of(service)
        address = held.get(key) or _free(service, pool, taken)
        if address:
            taken[address] = key
        found[key] = Given(address, _announcer(service, address, nodes, homes.get(key, set())) if address else "")
    return found


def is_ours(service: Object) -> bool:
    """A Service with a class of its own is another controller's."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass") and not is_deleting(service)


def address_of(service: Object) -> str:
    entries = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return next((str(entry["ip"]) for entry in entries if entry.get("ip")), "")


def announcer_of(service: Object) -> str:
    return str((service["metadata"].get("annotations") or {}).get(ANNOUNCER, ""))


def _age(service: Object) -> tuple[str, Key]:
    return service["metadata"].get("creationTimestamp", ""), key_of(service)


def _free(service: Object, pool: list[str], taken: Mapping[str, Key]) -> str:
    """The one that the Service asks for, if the pool has it and nobody else; any, where it asks for none."""
    wish = service["spec"].get("loadBalancerIP")
    return next((a for a in pool if a not in taken and a == (wish or a)), "")


def _announcer(service: Object, address: str, nodes: list[str], homes: set[str]) -> str:
    """Each node wins its share of the addresses, and a node that leaves moves only its own (rendezvous hashing)."""
    able = [n for n in nodes if n in homes] if service["spec"].get("externalTrafficPolicy") == "Local" else nodes
    if announcer_of(service) in able:
        return announcer_of(service)
    return max(able, key=lambda node: hashlib.sha256(f"{address} {node}".encode()).digest(), default="")


def build(context: Context) -> Loop:
    return LoadBalancers(context).loop


class LoadBalancers:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._pool = list(pools.addresses(context.config.controllers.balancer_addresses))
        self._services, self._nodes = context.informer(SERVICE), context.informer(NODE)
        self._slices = context.informer(SLICE)
        self._events = context.recorder("service-controller")
        self.loop = Loop("service-lb-controller", self.reconcile, lambda: ["all"], workers=1)
        for informer in (self._services, self._nodes, self._slices):
            informer.on_change(lambda *_change: self._changed())

    async def reconcile(self, _key: str) -> None:
        """One worker over all Services, since they share the pool; nothing is written without one."""
        if not self._pool:
            return
        services = self._services.store
        nodes = [node["metadata"]["name"] for node in self._nodes.store.values() if _is_able(node)]
        wanted = plan(services.values(), self._pool, nodes, self._homes())
        for key, given in wanted.items():
            await self._give(services[key], given)
        for key, service in list(services.items()):
            if key not in wanted and not is_ours(service) and announcer_of(service) and not is_deleting(service):
                await self._take_back(service)

    async def _give(self, service: Object, given: Given) -> None:
        if not given.address:
            said = f"no address of the pool is left for this Service ({len(self._pool)} in all)"
            self._events.record(about(SERVICE, service), WARNING, "AddressPoolExhausted", said)
        if announcer_of(service) != given.node:
            await self._annotate(service, given.node or None)
        if address_of(service) != given.address:
            await self._tell(service, [{"ip": given.address, "ipMode": "VIP"}] if given.address else None)

    async def _take_back(self, service: Object) -> None:
        """It is no balanced Service any more."""
        await self._tell(service, None)
        await self._annotate(service, None)

    async def _annotate(self, service: Object, node: str | None) -> None:
        await self._client.patch(SERVICE, *key_of(service), {"metadata": {"annotations": {ANNOUNCER: node}}})

    async def _tell(self, service: Object, ingress: list[Object] | None) -> None:
        body = {"status": {"loadBalancer": {"ingress": ingress}}}
        await self._client.patch(SERVICE, *key_of(service), body, subresource="status")

    def _homes(self) -> dict[Key, set[str]]:
        found: dict[Key, set[str]] = {}
        for item in self._slices.store.values():
            meta = item["metadata"]
            key = meta["namespace"], (meta.get("labels") or {}).get(SERVICE_NAME, "")
            for endpoint in item.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True) and endpoint.get("nodeName"):
                    found.setdefault(key, set()).add(endpoint["nodeName"])
        return found

    def _changed(self) -> None:
        if self._pool:
            self.loop.add_after("all", 0.02)


def _is_able(node: Object) -> bool:
    ready = condition(node, "Ready") or {}
    return ready.get("status") == "True" and EXCLUDED not in (node["metadata"].get("labels") or {})
