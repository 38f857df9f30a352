"""Giving Services their addresses and ports: the last of the plugins that change an object."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from typing import Any

from kube.errors import ApiError, Cause, invalid
from master.api.allocation.normalizing import (
    Spec,
    is_headless,
    needs_address,
    needs_health_port,
    needs_node_ports,
    normalize,
)
from master.api.allocation.pools import FullError, Pool, TakenError, band
from master.api.contract import Attributes, Object, Reader
from master.api.rows import SERVICE
from master.api.sources import Change, Source

ADDRESS_BAND = (16, 256)
PORT_BAND = (32, 128)
TAKEN_ADDRESS = "failed to allocate IP {}: provided IP is already allocated"
FOREIGN_ADDRESS = "failed to allocate IP {}: the provided network does not match the current range"
TAKEN_PORT = "provided port is already allocated"


class ServiceAllocation:
    """The numbers that are given lie in the Services themselves: the pools are filled from the cache and follow it."""

    name = "ServiceAllocation"
    kinds = frozenset({SERVICE})

    def __init__(self, network: str, node_ports: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._network = ipaddress.ip_network(network)
        size = self._network.num_addresses
        first, last = (int(part) for part in node_ports.split("-"))
        self.addresses = Pool(1, size - 2, band(size - 2, *ADDRESS_BAND), clock)
        self.ports = Pool(first, last, band(last - first + 1, *PORT_BAND), clock)
        self._known: dict[tuple[str, str], tuple[list[int], list[int]]] = {}

    # What is given already

    def load(self, reader: Reader) -> None:
        self._known.clear()
        self.addresses.clear()
        self.ports.clear()
        for service in reader.list(SERVICE):
            self._see(service)

    def watch(self, source: Source) -> None:
        source.listen(SERVICE, self._on_change)

    def _on_change(self, change: Change) -> None:
        obj = change.entry.decode()
        if change.type == "DELETED":
            self._forget(_key(obj))
        else:
            self._see(obj)

    def _see(self, obj: Object) -> None:
        self._forget(_key(obj))
        spec = obj["spec"]
        offsets = [self._offset(address) for address in spec.get("clusterIPs") or ()]
        known = ([offset for offset in offsets if offset is not None], sorted(_ports_of(spec)))
        self._known[_key(obj)] = known
        self.addresses.hold(known[0])
        self.ports.hold(known[1])

    def _forget(self, key: tuple[str, str]) -> None:
        addresses, ports = self._known.pop(key, ([], []))
        self.addresses.drop(addresses)
        self.ports.drop(ports)

    # Giving

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.kind is not SERVICE or attributes.subresource or attributes.object is None:
            return
        spec = attributes.object.setdefault("spec", {})
        old = attributes.old["spec"] if attributes.old else None
        normalize(spec, old)
        causes = self._wrong_families(spec)
        if not causes:
            causes = [
                *self._give_address(spec, old, not attributes.dry_run),
                *self._give_ports(spec, old, not attributes.dry_run),
            ]
        if causes:
            raise invalid("Service", attributes.name, causes)

    async def validate(self, attributes: Attributes) -> None:
        """Nothing is left to refuse."""

    def _wrong_families(self, spec: Spec) -> list[Cause]:
        """The cluster has IPv4 only."""
        if not needs_address(spec) or (is_headless(spec) and not spec.get("selector")):
            return []
        if spec["ipFamilyPolicy"] == "RequireDualStack":
            said = 'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'
            return [Cause("FieldValueInvalid", said, "spec.ipFamilyPolicy")]
        return [
            Cause(
                "FieldValueInvalid",
                f'Invalid value: "{family}": not configured on this cluster',
                f"spec.ipFamilies[{n}]",
            )
            for n, family in enumerate(spec["ipFamilies"])
            if family == "IPv6"
        ]

    def _give_address(self, spec: Spec, old: Spec | None, keep: bool) -> list[Cause]:
        if not needs_address(spec) or is_headless(spec):
            return []
        chosen = spec.get("clusterIP") or ""
        if not chosen:
            address = str(self._network[_any(self.addresses, keep, "serviceIP")])
            spec |= {"clusterIP": address, "clusterIPs": [address]}
            return []
        if old is not None and needs_address(old) and old.get("clusterIP"):
            return []  # Kept, or changed against the rules: validation says so.
        return self._take_address(chosen, keep)

    def _take_address(self, address: str, keep: bool) -> list[Cause]:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return []  # Validation has the words for it.
        offset = self._offset(address)
        wrong = FOREIGN_ADDRESS if offset is None else ""
        if offset is not None:
            try:
                self.addresses.take(offset, keep)
            except TakenError:
                wrong = TAKEN_ADDRESS
        if not wrong:
            return []
        said = f"Invalid value: {json.dumps([address])}: {wrong.format(address)}"
        return [Cause("FieldValueInvalid", said, "spec.clusterIPs")]

    def _give_ports(self, spec: Spec, old: Spec | None, keep: bool) -> list[Cause]:
        had = _ports_of(old or {})
        causes, given = [], set(had)
        for index, port in enumerate(spec.get("ports") or ()):
            if (number := port.get("nodePort")) and number not in given:
                causes += self._take_port(number, f"spec.ports[{index}].nodePort", keep)
                given.add(number)
        if needs_node_ports(spec) and not causes:
            self._fill_ports(spec, keep)
        health = spec.get("healthCheckNodePort")
        if health and health not in given:
            causes += self._take_port(health, "spec.healthCheckNodePort", keep)
        elif needs_health_port(spec) and not health:
            spec["healthCheckNodePort"] = _any(self.ports, keep, "healthCheckNodePort")
        return causes

    def _fill_ports(self, spec: Spec, keep: bool) -> None:
        """The protocols of one port share one node port."""
        by_port = {port.get("port"): port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                number = by_port.get(port.get("port")) or _any(self.ports, keep, "nodePort")
                port["nodePort"] = by_port[port.get("port")] = number

    def _take_port(self, number: Any, field: str, keep: bool) -> list[Cause]:
        wrong = ""
        if not self.ports.first <= number <= self.ports.last:
            valid = f"{self.ports.first}-{self.ports.last}"
            wrong = f"provided port is not in the valid range. The range of valid ports is {valid}"
        else:
            try:
                self.ports.take(number, keep)
            except TakenError:
                wrong = TAKEN_PORT
        return [Cause("FieldValueInvalid", f"Invalid value: {number}: {wrong}", field)] if wrong else []

    def _offset(self, address: str) -> int | None:
        """Where in the range the address lies; None outside, for no address, and for the range's two ends."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        if parsed not in self._network:
            return None
        offset = int(parsed) - int(self._network.network_address)
        return offset if self.addresses.first <= offset <= self.addresses.last else None


def build(reader: Source, network: str, node_ports: str) -> ServiceAllocation:
    """From a filled reader; follows its changes from now on.  `load` again when the reader was filled anew."""
    allocation = ServiceAllocation(network, node_ports)
    allocation.load(reader)
    allocation.watch(reader)
    return allocation


def _any(pool: Pool, keep: bool, what: str) -> int:
    try:
        return pool.next(keep)
    except FullError as error:
        raise ApiError(
            500, "InternalError", f"Internal error occurred: failed to allocate a {what}: {error}"
        ) from error


def _ports_of(spec: Spec) -> set[int]:
    ports = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
    return ports | ({spec["healthCheckNodePort"]} if spec.get("healthCheckNodePort") else set())


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
