"""The network as this node sees it: addresses, ranges, CNI, routes, DNS; tried by real packets where that tells more."""

from __future__ import annotations

import json
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from probes.checks.services import control
from probes.findings import Finding, trouble, well
from probes.looking import CouldNotLook, Looker
from probes.settings import FILE, Settings, joined, settings

ADDRESSES = ("ip", "-j", "address")
ROUTES = ("ip", "-j", "-4", "route")
PEER_ROUTES = ("ip", "-j", "-4", "route", "show", "proto", "87")
"""87 is the number that the agent marks its routes with."""
PODS_OWN = ("lo", "cni", "veth", "docker", "br-", "flannel", "cali", "tunl", "vxlan")
RESOLV, RESOLVED = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"
CNI_FOLDER, CNI_FILE, PLUGINS = "/etc/cni/net.d", "10-wherry.conflist", "/usr/lib/cni"
NEEDED_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
A, PTR = 1, 12
IN, UNICAST = 1, 0x8000
"""A question's class; by mDNS one that wants a unicast answer is never taken for a repetition (RFC 6762, 5.4)."""
MDNS, MDNS_PORT = "224.0.0.251", 5353


@dataclass(frozen=True, slots=True)
class Interface:
    """`addresses` with their prefix lengths."""

    name: str
    flags: frozenset[str]
    mtu: int
    addresses: tuple[str, ...]

    @property
    def uplink(self) -> bool:
        return not self.name.startswith(PODS_OWN)


def parse_interfaces(text: str) -> list[Interface]:
    """`ip -j address`'s rows, IPv4 only."""
    rows: list[dict[str, Any]] = json.loads(text)
    return [
        Interface(
            row["ifname"],
            frozenset(row.get("flags", ())),
            int(row.get("mtu", 0)),
            tuple(f"{a['local']}/{a['prefixlen']}" for a in row.get("addr_info", ()) if a.get("family") == "inet"),
        )
        for row in rows
        if "ifname" in row
    ]


def own_interfaces(look: Looker) -> list[Interface]:
    return parse_interfaces(look.run(ADDRESSES))


def uplinks(look: Looker) -> list[Interface]:
    """Interfaces that are up, have an address, and lead out of the machine."""
    return [row for row in own_interfaces(look) if row.uplink and row.addresses and "UP" in row.flags]


def own_address(look: Looker, ours: Settings) -> str:
    """The address that the kernel would speak to the master from."""
    if ours.address:
        return ours.address
    for host, _port in ours.masters:
        rows = json.loads(look.run(("ip", "-j", "-4", "route", "get", host)))
        if rows and rows[0].get("prefsrc"):
            return str(rows[0]["prefsrc"])
    return ""


def interfaces(look: Looker) -> Finding:
    """An interface up with the node's address, and a route to each master."""
    name = "interfaces"
    rows = own_interfaces(look)
    up = [row for row in rows if row.uplink and row.addresses and "UP" in row.flags]
    ours = settings(look)
    if up and ours.address and not any(a.startswith(f"{ours.address}/") for row in rows for a in row.addresses):
        return trouble(
            name,
            f"the node's address {ours.address} is on no interface any more: it has changed",
            f"sed -i 's/{ours.address}/{up[0].addresses[0].partition('/')[0]}/' {FILE} && {control(look)} restart wherry-agent",
            breaks="the other nodes and the master look for this node where it is not",
            evidence=f"agent.toml: address = {ours.address}; ip address: {', '.join(a for row in up for a in row.addresses)}",
        )
    unreachable = [host for host, _ in ours.masters if not _has_route(look, host)] if up else []
    if up and not unreachable:
        return well(name, ", ".join(f"{row.name} {' '.join(row.addresses)}" for row in up))
    down = next((row for row in rows if row.uplink and "UP" not in row.flags), None)
    if unreachable:
        said, fix = (
            f"there is no route to the master {unreachable[0]}",
            f"ip route add {unreachable[0]} dev {up[0].name}",
        )
    elif down:
        said, fix = f"{down.name} is down", f"ip link set {down.name} up"
    else:
        said, fix = "no interface has an IPv4 address", "is the cable in? then: dhclient -v, or see ip address"
    return trouble(
        name,
        said,
        fix,
        breaks="this node reaches nobody, and nobody reaches it",
        evidence="ip address: " + ", ".join(f"{row.name} {' '.join(sorted(row.flags))}" for row in rows if row.uplink),
        safe=bool(down and not up),
        undo=f"ip link set {down.name} down" if down and not up else "",
    )


def _has_route(look: Looker, host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True  # a name; whether it resolves is seen when it is asked
    try:
        return bool(json.loads(look.run(("ip", "-j", "-4", "route", "get", host))))
    except CouldNotLook:
        return False


def ranges(look: Looker) -> Finding:
    """A LAN inside the range of pods or Services: packets to it are taken for the cluster's, or the other way round."""
    name, ours = "ranges", settings(look)
    for what, cidr in (("pods", ours.pod_cidr), ("Services", ours.service_cidr)):
        for row in uplinks(look):
            for address in row.addresses:
                if ip_network(address, strict=False).overlaps(ip_network(cidr)):
                    return trouble(
                        name,
                        f"the network of {row.name} ({address}) overlaps the range of {what}, {cidr}",
                        "renumber the network (the router's DHCP range), or make the cluster with another [cluster] range",
                        breaks="some machines are unreachable from pods, and some pods from machines",
                        evidence=f"ip address: {row.name} {address}; agent.toml: {cidr}",
                    )
    return well(name, "apart from the cluster's")


def duplicate_address(look: Looker) -> Finding | None:
    """Whether another machine on the LAN claims this node's address (ARP)."""
    name = "duplicate-address"
    pairs = [(row.name, a.partition("/")[0]) for row in uplinks(look) for a in row.addresses if not a.endswith("/32")]
    for interface, address in pairs:
        if others := look.claims(interface, address):
            return trouble(
                name,
                f"another machine has this node's address {address} too",
                f"find it by its hardware address {others[0]} (the router's list of leases), and give one of them another",
                breaks="connections to this node break off at random, or reach the other machine",
                evidence=f"ARP on {interface}: {address} is at {', '.join(others)}",
            )
    return well(name, "nobody else has ours") if pairs else None


def cni(look: Looker) -> Finding:
    """The CNI plugins and the file that names them: there, ours, first and whole."""
    name = "cni"
    try:
        plugins = look.names(PLUGINS)
    except CouldNotLook:
        plugins = []
    missing = [plugin for plugin in NEEDED_PLUGINS if plugin not in plugins]
    breaks = "pods get no network, so none is started"
    if missing:
        fix = "apt-get install -y --reinstall containernetworking-plugins"
        return trouble(
            name, f"plugins missing in {PLUGINS}: {', '.join(missing)}", fix, breaks=breaks, evidence=PLUGINS
        )
    try:
        files = [f for f in look.names(CNI_FOLDER) if f.endswith((".conf", ".conflist"))]
    except CouldNotLook:
        files = []
    again = f"{control(look)} restart wherry-agent"
    if CNI_FILE not in files:
        said = f"{CNI_FOLDER}/{CNI_FILE} is missing; the agent writes it"
        return trouble(
            name, said, again, breaks=breaks, evidence=f"{CNI_FOLDER}: {' '.join(files) or 'empty'}", safe=True
        )
    if files[0] != CNI_FILE:
        other = f"{CNI_FOLDER}/{files[0]}"
        said = f"{other} comes before ours and is used instead"
        fix, undo = (
            f"mv {shlex.quote(other)} {shlex.quote(other)}.off",
            f"mv {shlex.quote(other)}.off {shlex.quote(other)}",
        )
        return trouble(
            name,
            said,
            fix,
            breaks="pods are on another network than the cluster's",
            evidence=other,
            safe=True,
            undo=undo,
        )
    try:
        plugins_named = [row["type"] for row in json.loads(look.read(f"{CNI_FOLDER}/{CNI_FILE}"))["plugins"]]
    except (ValueError, LookupError, TypeError) as error:
        fix = f"rm {CNI_FOLDER}/{CNI_FILE} && {again}"
        return trouble(
            name, f"{CNI_FILE} is broken: {error}", fix, breaks=breaks, evidence=f"{CNI_FOLDER}/{CNI_FILE}", safe=True
        )
    return well(name, f"configured: {', '.join(plugins_named)}")


def query(name: str, kind: int, family: int = IN, ident: int = 0x7765) -> bytes:
    """A DNS question (RFC 1035)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return (
        struct.pack("!HHHHHH", ident, 0x0100 if kind == A else 0, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack("!HH", kind, family)
    )


def answers(data: bytes) -> tuple[int, int]:
    """Response code and number of answers; (-1, 0) where it is no answer."""
    if len(data) < 12 or not data[2] & 0x80:
        return -1, 0
    return data[3] & 0x0F, struct.unpack("!H", data[6:8])[0]


def name_servers(text: str) -> list[str]:
    rows = (line.split() for line in text.splitlines())
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"]


def dns_loop(look: Looker) -> Finding:
    """The node's own resolvers: the cluster's names are answered here, all others are asked of them."""
    name, ours = "dns-loop", settings(look)
    given = name_servers(look.read(RESOLV))
    try:
        real = name_servers(look.read(RESOLVED))
    except CouldNotLook:
        real = []
    used = real or given
    looped = sorted({a for a in (*given, *real) if a == ours.dns} | ({*used} if all(map(_loopback, used)) else set()))
    if not used or not looped:
        return well(name, f"other names are asked of {', '.join(used)}" if used else "no other names are asked for")
    file = RESOLVED if ours.dns in real and ours.dns not in given else RESOLV
    gateway = _gateway(look) or "ADDRESS-OF-A-RESOLVER"
    return trouble(
        name,
        f"{file} names {', '.join(looped)}, which is {'the cluster’s own DNS' if ours.dns in looped else 'this machine'}",
        f"cp {RESOLV} {RESOLV}.wherry && printf 'nameserver {gateway}\\n' > {RESOLV}",
        breaks="names outside the cluster: questions go round in a circle, or to nobody",
        evidence=f"{RESOLV}: nameserver {' '.join(given)}"
        + (f"; {RESOLVED}: nameserver {' '.join(real)}" if real else ""),
        safe="ADDRESS" not in gateway,
        undo=f"cat {RESOLV}.wherry > {RESOLV}",
    )


def _loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _gateway(look: Looker) -> str:
    rows = json.loads(look.run(ROUTES) or "[]")
    return next((str(row["gateway"]) for row in rows if row.get("dst") == "default" and "gateway" in row), "")


def dns(look: Looker) -> Finding | None:
    """A real question to the cluster's DNS, which each node answers itself."""
    name, ours = "dns", settings(look)
    if not joined(look):
        return None
    wanted = f"kubernetes.default.svc.{ours.domain}"
    try:
        replies = look.exchange(ours.dns, 53, query(wanted, A))
    except CouldNotLook as error:
        replies, why = [], str(error)
    else:
        why = f"no answer from {ours.dns} within 1 s"
    code, count = answers(replies[0].data) if replies else (-1, 0)
    if code == 0 and count:
        return well(name, "answers")
    said = f"answers {wanted} with code {code} and {count} records" if replies else why
    return trouble(
        name,
        said,
        f"{control(look)} restart wherry-dns",
        breaks="pods on this node resolve no names",
        evidence=f"UDP {ours.dns}:53 {wanted} A",
        safe=True,
    )


def peers(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Pod range -> address of its node, from the agent's routes."""
    return {row["dst"]: row["gateway"] for row in rows if row.get("gateway")}


def peer_routes(look: Looker) -> dict[str, str]:
    return peers(json.loads(look.run(PEER_ROUTES) or "[]"))
