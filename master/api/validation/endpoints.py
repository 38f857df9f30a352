"""Endpoints and EndpointSlices: where a Service's traffic goes."""

from __future__ import annotations

from kube import names
from master.api.validation.addresses import family, ip_address, reachable
from master.api.validation.containers import PROTOCOLS
from master.api.validation.labels import check_labels
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, always, check, each, one_of, optional, pointer, pointer_of, port_number

FAMILIES = ("FQDN", "IPv4", "IPv6")
MOST_PORTS, MOST_ENDPOINTS, MOST_ADDRESSES = 20000, 1000, 100


# Endpoints


def endpoints(obj: Object, out: Problems) -> None:
    for index, subset in enumerate(obj.get("subsets") or ()):
        _subset(subset or {}, ROOT / "subsets" / index, out)


def _subset(subset: Object, at: Path, out: Problems) -> None:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        out.required(at, "must specify `addresses` or `notReadyAddresses`")
    check((each("addresses", _address), each("notReadyAddresses", _address)), subset, at, out)
    ports = subset.get("ports") or ()
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            out.required(at / "ports" / index / "name")
        check(PORT, port, at / "ports" / index, out)


PORT = (
    optional("name", names.dns1123_label),
    always("port", 0, port_number),
    one_of("protocol", PROTOCOLS, missing="required"),
    pointer("appProtocol", names.qualified_name),
)


def _address(address: Object, at: Path, out: Problems) -> None:
    ip = address.get("ip") or ""
    check((always("ip", "", ip_address), optional("hostname", names.dns1123_label)), address, at, out)
    check((pointer("nodeName", names.dns1123_subdomain),), address, at, out)
    for detail in reachable(ip):
        out.invalid(at / "ip", ip, detail)


# EndpointSlices


def endpoint_slice(obj: Object, out: Problems) -> None:
    chosen = obj.get("addressType") or ""
    if not chosen:
        out.required(ROOT / "addressType")
    elif chosen not in FAMILIES:
        out.unsupported(ROOT / "addressType", chosen, FAMILIES)
    _endpoints(obj.get("endpoints") or [], chosen, out)
    _slice_ports(obj.get("ports") or [], out)


def _endpoints(found: list[Object], chosen: str, out: Problems) -> None:
    if len(found) > MOST_ENDPOINTS:
        out.too_many(ROOT / "endpoints", len(found), MOST_ENDPOINTS)
        return
    for index, endpoint in enumerate(found):
        here = ROOT / "endpoints" / index
        _slice_addresses(endpoint.get("addresses") or [], chosen, here / "addresses", out)
        check(ENDPOINT, endpoint, here, out)
        check_labels(endpoint.get("deprecatedTopology") or {}, here / "deprecatedTopology", out)


ENDPOINT = (
    pointer("nodeName", names.dns1123_subdomain),
    pointer("hostname", names.dns1123_label),
)


def _slice_addresses(addresses: list[str], chosen: str, at: Path, out: Problems) -> None:
    if not addresses:
        out.required(at, "must contain at least 1 address")
    elif len(addresses) > MOST_ADDRESSES:
        out.too_many(at, len(addresses), MOST_ADDRESSES)
    for index, address in enumerate(addresses):
        for detail in _of_family(address, chosen):
            out.invalid(at / index, address, detail)


def _of_family(address: str, chosen: str) -> tuple[str, ...] | list[str]:
    if chosen == "FQDN":
        return names.dns1123_subdomain(address)
    if chosen not in {"IPv4", "IPv6"}:
        return ()
    if malformed := ip_address(address):
        return malformed
    if family(address) != chosen:
        return (f"must be an {chosen} address",)
    return reachable(address)


def _slice_ports(ports: list[Object], out: Problems) -> None:
    if len(ports) > MOST_PORTS:
        out.too_many(ROOT / "ports", len(ports), MOST_PORTS)
        return
    seen: set[str] = set()
    for index, port in enumerate(ports):
        here, name = ROOT / "ports" / index, port.get("name") or ""
        for detail in names.dns1123_label(name) if name else ():
            out.invalid(here / "name", name, detail)
        if name in seen:
            out.duplicate(here / "name", name)
        seen.add(name)
        check(SLICE_PORT, port, here, out)


SLICE_PORT = (pointer_of("protocol", PROTOCOLS), pointer("appProtocol", names.qualified_name))


def endpoint_slice_update(obj: Object, old: Object, out: Problems) -> None:
    endpoint_slice(obj, out)
    if obj.get("addressType") != old.get("addressType"):
        out.invalid(ROOT / "addressType", obj.get("addressType"), IMMUTABLE)
