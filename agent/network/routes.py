"""Routes to the other nodes' pods: pure plan from Nodes and from what the kernel has, in the words of `ip -batch`.

All nodes share a link, so a route a node is all it takes.  Ours are told from others' by their protocol number.  A node
without a default route needs one to the Services too: the kernel looks for a way before the proxy's rules have their say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

PROTOCOL = 87  # "W": unassigned in iproute2's rt_protos

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node: where its pods live and how it is reached."""

    pod_cidr: str
    address: str


def peers(nodes: Iterable[Object], own_name: str) -> set[Peer]:
    """Every other node that has a pod range and an IPv4 InternalIP; malformed ones are left out."""
    found = set()
    for node in nodes:
        if node["metadata"]["name"] == own_name:
            continue
        addresses = node.get("status", {}).get("addresses") or ()
        address = next((a["address"] for a in addresses if a["type"] == "InternalIP" and _ipv4(a["address"])), "")
        cidr = node.get("spec", {}).get("podCIDR", "")
        if address and _ipv4_network(cidr):
            found.add(Peer(cidr, address))
    return found


def wanted(peers: Iterable[Peer], service_cidr: str, *, default: bool) -> dict[str, str]:
    """Destination -> gateway; none ("") for the Services, whose packets never get as far as this route leads."""
    return {peer.pod_cidr: peer.address for peer in peers} | ({} if default else {service_cidr: ""})


def plan(want: Mapping[str, str], kernel: Mapping[str, str]) -> list[str]:
    """Lines for `ip -batch -` that turn `kernel` (destination -> gateway, ours only) into `want`; none when they agree."""
    gone = [f"route del {cidr} proto {PROTOCOL}" for cidr in sorted(set(kernel) - set(want))]
    new = [
        f"route replace {cidr} {f'via {address}' if address else 'dev lo'} proto {PROTOCOL}"
        for cidr, address in sorted(want.items())
        if kernel.get(cidr) != address
    ]
    return gone + new


def parse_routes(text: str) -> dict[str, str]:
    """`ip -j -4 route show proto PROTOCOL` as destination -> gateway."""
    return {route["dst"]: route.get("gateway", "") for route in json.loads(text or "[]")}


def _ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _ipv4_network(text: str) -> bool:
    try:
        return ip_network(text).version == 4
    except ValueError:
        return False
