"""The node's service table: Services and EndpointSlices of the API, joined into what the proxy and DNS need.

Pure: objects in, names of the services that changed out.  Nothing here knows iptables, DNS packets or the network.
Fields and their meaning: Kubernetes API v1 Service and discovery.k8s.io/v1 EndpointSlice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kube.services import ANNOUNCER

Object = dict[str, Any]
Key = tuple[str, str]  # namespace, name

SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a Service; `name` is empty where the only port has none."""

    name: str
    protocol: str
    port: int
    node_port: int = 0
    app_protocol: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a Service; `ports` are the endpoint's numbers by the Service's port name."""

    address: str
    ports: tuple[tuple[str, str, int], ...]  # name, protocol, number
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node: str = ""
    hostname: str = ""
    pod: Key | None = None
    for_zones: tuple[str, ...] = ()
    for_nodes: tuple[str, ...] = ()

    def number(self, name: str, protocol: str) -> int:
        """The endpoint's port for the Service's port `name`; 0 when it serves none."""
        return next((number for n, p, number in self.ports if n == name and p == protocol), 0)


@dataclass(frozen=True, slots=True)
class Service:
    """A Service with its endpoints, sorted by address; equal when nothing that matters changed."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] = ()
    headless: bool = False
    external_name: str = ""
    external_ips: tuple[str, ...] = ()
    balancer_ips: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    affinity_seconds: int = 0
    external_local: bool = False
    internal_local: bool = False
    source_ranges: tuple[str, ...] = ()
    publish_not_ready: bool = False
    health_port: int = 0
    announcer: str = ""
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    def ready(self) -> tuple[Endpoint, ...]:
        return tuple(e for e in self.endpoints if e.ready or self.publish_not_ready)

    def ending(self) -> tuple[Endpoint, ...]:
        """Those that still serve while they end: better than none."""
        return tuple(e for e in self.endpoints if e.serving and e.terminating)


@dataclass
class ServiceTable:
    """Keeps the joined view; `apply_*` return the keys whose `Service` changed, so that the rest is left alone."""

    _services: dict[Key, Object] = field(default_factory=dict)
    _slices: dict[Key, dict[Key, Object]] = field(default_factory=dict)  # by Service, then by slice
    _owners: dict[Key, Key] = field(default_factory=dict)  # slice -> Service
    _joined: dict[Key, Service] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Service]:
        return iter(self._joined.values())

    def __len__(self) -> int:
        return len(self._joined)

    def get(self, key: Key) -> Service | None:
        return self._joined.get(key)

    def apply_service(self, event: str, service: Object) -> set[Key]:
        key = _key(service)
        if event == "DELETED":
            self._services.pop(key, None)
        else:
            self._services[key] = service
        return self._join(key)

    def apply_slice(self, event: str, piece: Object) -> set[Key]:
        own = _key(piece)
        name = "" if event == "DELETED" else piece["metadata"].get("labels", {}).get(SERVICE_LABEL, "")
        changed = self._forget(own) if self._owners.get(own) != (own[0], name) else set()
        if name:
            key = self._owners[own] = (own[0], name)
            self._slices.setdefault(key, {})[own] = piece
            changed |= self._join(key)
        return changed

    def _forget(self, piece: Key) -> set[Key]:
        key = self._owners.pop(piece, None)
        if key is None:
            return set()
        pieces = self._slices[key]
        del pieces[piece]
        if not pieces:
            del self._slices[key]
        return self._join(key)

    def _join(self, key: Key) -> set[Key]:
        before = self._joined.get(key)
        source = self._services.get(key)
        after = None if source is None else join(source, self._slices.get(key, {}).values())
        if after == before:
            return set()
        if after is None:
            del self._joined[key]
        else:
            self._joined[key] = after
        return {key}


def join(service: Object, slices: Iterable[Object]) -> Service:
    """One Service object and its EndpointSlices as the table's `Service`."""
    spec, meta = service.get("spec", {}), service["metadata"]
    ips = tuple(spec.get("clusterIPs") or filter(None, [spec.get("clusterIP", "")]))
    affinity = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return Service(
        namespace=meta["namespace"],
        name=meta["name"],
        type=spec.get("type", "ClusterIP"),
        cluster_ips=tuple(ip for ip in ips if ip != "None"),
        headless="None" in ips,
        external_name=spec.get("externalName", ""),
        external_ips=tuple(spec.get("externalIPs") or ()),
        balancer_ips=_load_balancer_ips(service),
        ports=tuple(_port(port) for port in spec.get("ports") or ()),
        affinity_seconds=affinity.get("timeoutSeconds", 10800) if spec.get("sessionAffinity") == "ClientIP" else 0,
        external_local=spec.get("externalTrafficPolicy") == "Local",
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        source_ranges=tuple(spec.get("loadBalancerSourceRanges") or ()),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        health_port=spec.get("healthCheckNodePort") or 0,
        announcer=(meta.get("annotations") or {}).get(ANNOUNCER, ""),
        endpoints=tuple(sorted(_endpoints(slices), key=lambda e: (e.address, e.ports))),
    )


def _port(port: Object) -> Port:
    return Port(
        port.get("name", ""),
        port.get("protocol", "TCP"),
        port["port"],
        port.get("nodePort", 0),
        port.get("appProtocol", ""),
    )


def _load_balancer_ips(service: Object) -> tuple[str, ...]:
    ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or ()
    return tuple(entry["ip"] for entry in ingress if entry.get("ip") and entry.get("ipMode", "VIP") == "VIP")


def _endpoints(slices: Iterable[Object]) -> Iterator[Endpoint]:
    """Addresses in several slices (a move between slices) are told once, the later slice by name winning."""
    seen: dict[tuple[str, tuple[tuple[str, str, int], ...]], Endpoint] = {}
    for piece in sorted(slices, key=lambda s: str(s["metadata"]["name"])):
        if piece.get("addressType", "IPv4") != "IPv4":
            continue
        ports = tuple(
            (p.get("name") or "", p.get("protocol") or "TCP", p["port"])
            for p in piece.get("ports") or ()
            if p.get("port")
        )
        for entry in piece.get("endpoints") or ():
            conditions = entry.get("conditions") or {}
            ready = conditions.get("ready", True) is not False
            target = entry.get("targetRef") or {}
            hints = entry.get("hints") or {}
            for address in entry.get("addresses") or ():
                seen[address, ports] = Endpoint(
                    address=address,
                    ports=ports,
                    ready=ready,
                    serving=conditions.get("serving", ready) is not False,
                    terminating=bool(conditions.get("terminating")),
                    node=entry.get("nodeName") or "",
                    hostname=entry.get("hostname") or "",
                    pod=(target.get("namespace", ""), target["name"]) if target.get("kind") == "Pod" else None,
                    for_zones=tuple(hint["name"] for hint in hints.get("forZones") or ()),
                    for_nodes=tuple(hint["name"] for hint in hints.get("forNodes") or ()),
                )
    yield from seen.values()


def _key(obj: Object) -> Key:
    meta = obj["metadata"]
    return meta["namespace"], meta["name"]
