"""What a name of the cluster stands for: pure, from the service table to answers.

Source: the specification of DNS-based service discovery for Kubernetes, version 1.1.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from agent.services import Endpoint, Service

TTL = 5
SCHEMA_VERSION = "1.1.0"


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record; `data` is an address, a target name, or (priority, weight, port, target) of an SRV."""

    type: str
    data: str | tuple[int, int, int, str]


@dataclass
class Names:
    """Every name of the cluster with its records; names are lower case with the closing dot."""

    domain: str
    records: dict[str, list[Record]] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)

    def look_up(self, name: str) -> list[Record] | None:
        """The name's records, [] when it exists without any of its own, None when it does not exist."""
        found = self.records.get(name)
        if found is not None:
            return found
        if name in self.parents:
            return []
        return self._pod(name)

    def _pod(self, name: str) -> list[Record] | None:
        """`10-42-0-7.NAMESPACE.pod.DOMAIN.` is the address it spells."""
        suffix = f".pod.{self.domain}."
        if not name.endswith(suffix):
            return None
        first, _, namespace = name.removesuffix(suffix).partition(".")
        try:
            address = ip_address(first.replace("-", "."))
        except ValueError:
            return None
        return [Record("A", str(address))] if namespace and "." not in namespace else None

    def add(self, name: str, record: Record) -> None:
        records = self.records.setdefault(name, [])
        if record not in records:
            records.append(record)
        parent = name.partition(".")[2]
        while parent and parent not in self.parents:
            self.parents.add(parent)
            parent = parent.partition(".")[2] if parent != f"{self.domain}." else ""


def build(services: Iterable[Service], domain: str) -> Names:
    """All names of these services under `domain` (no dots at its ends)."""
    names = Names(domain)
    names.parents |= {f"{domain}.", f"svc.{domain}.", f"pod.{domain}."}
    names.add(f"dns-version.{domain}.", Record("TXT", SCHEMA_VERSION))
    for service in services:
        _add_service(names, service)
    return names


def _add_service(names: Names, service: Service) -> None:
    base = f"{service.name}.{service.namespace}.svc.{names.domain}."
    if service.type == "ExternalName":
        names.add(base, Record("CNAME", service.external_name.rstrip(".").lower() + "."))
        return
    if service.headless:
        for endpoint in service.endpoints:
            if endpoint.ready or service.publish_not_ready:
                _add_member(names, base, endpoint)
        return
    for address in service.cluster_ips:
        names.add(base, _address(address))
        names.add(_reverse(address), Record("PTR", base))
    for port in service.ports:
        if port.name:
            owner = f"_{port.name}._{port.protocol.lower()}.{base}".lower()
            names.add(owner, Record("SRV", (0, 100, port.port, base)))


def _add_member(names: Names, base: str, endpoint: Endpoint) -> None:
    """An endpoint of a headless Service: the Service's name, its own name, and an SRV record a named port."""
    label = endpoint.hostname or endpoint.address.replace(".", "-").replace(":", "-")
    own = f"{label}.{base}".lower()
    names.add(base, _address(endpoint.address))
    names.add(own, _address(endpoint.address))
    names.add(_reverse(endpoint.address), Record("PTR", own))
    for name, protocol, number in endpoint.ports:
        if name:
            names.add(f"_{name}._{protocol.lower()}.{base}".lower(), Record("SRV", (0, 100, number, own)))


def _address(address: str) -> Record:
    return Record("AAAA" if ":" in address else "A", address)


def _reverse(address: str) -> str:
    return ip_address(address).reverse_pointer + "."
