"""The way to the others, tried by real packets: ports between nodes, the pods' network, packet sizes, multicast."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

from probes.checks.network import (
    IN,
    MDNS,
    MDNS_PORT,
    PTR,
    UNICAST,
    Interface,
    own_interfaces,
    peer_routes,
    query,
    uplinks,
)
from probes.findings import Finding, trouble, unsure, well
from probes.looking import Looker
from probes.settings import settings

MOST_PEERS = 16
"""So many are tried; a fault between nodes shows with any of them."""
ETHERNET = 1500
LEAST_MTU = 576
BRIDGE = "cni0"


def _tried(names: list[str], attempt: Callable[[str], bool]) -> dict[str, bool]:
    """All at once, so that silent ones cost their time only once."""
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return dict(zip(names, pool.map(attempt, names), strict=True))


def peers(look: Looker) -> Finding | None:
    """Connections to the other nodes' port; a node that does not even answer ping is off, and no trouble of this one."""
    name, port = "peers", settings(look).port
    routes = dict(list(peer_routes(look).items())[:MOST_PEERS])
    hosts = sorted(set(routes.values()))
    if not hosts:
        return None
    said: dict[str, str] = {}

    def reached(host: str) -> bool:
        said[host] = look.connect(host, port)
        return said[host] in ("", "refused")

    open_to = _tried(hosts, reached)
    silent = [host for host, reached_it in open_to.items() if not reached_it]
    alive = [host for host in silent if look.echo(host, 84)]
    if alive:
        return trouble(
            name,
            f"port {port} of {alive[0]} is shut on the way, though the machine answers",
            f"on {alive[0]}: iptables -I INPUT -p tcp --dport {port} -j ACCEPT",
            breaks="logs, exec and metrics of pods there fail, and webhooks on them",
            evidence=f"TCP {alive[0]}:{port}: {said[alive[0]]}; ping: answered",
        )
    if silent:
        return unsure(name, f"{', '.join(silent)} answer neither on port {port} nor to ping: are they on?")
    gates = {cidr: str(ip_network(cidr)[1]) for cidr, host in routes.items() if said[host] == ""}
    through = _tried(list(gates), lambda cidr: look.echo(gates[cidr], 84))
    lost = [cidr for cidr, came in through.items() if not came]
    if lost:
        return trouble(
            name,
            f"pods on {routes[lost[0]]} cannot be reached, though the node can",
            f"on {routes[lost[0]]}: sysctl -w net.ipv4.ip_forward=1; is {BRIDGE} up? ip route get {gates[lost[0]]}",
            breaks="pods on different nodes do not reach one another",
            evidence=f"ping {gates[lost[0]]} (by way of {routes[lost[0]]}): no answer",
        )
    return well(name, f"{len(hosts)} other nodes and their pods answer")


def mtu(look: Looker) -> Finding:
    """Pods' packets must fit through every link: a smaller one on the way eats them where ICMP is dropped."""
    name = "mtu"
    rows = own_interfaces(look)
    bridge = next((row.mtu for row in rows if row.name == BRIDGE), ETHERNET)
    narrow = [row for row in uplinks(look) if row.mtu < bridge]
    if narrow:
        row = narrow[0]
        return trouble(
            name,
            f"{row.name} takes packets of {row.mtu} bytes, and pods send {bridge}",
            f"ip link set dev {row.name} mtu {bridge}",
            breaks="small requests work, large ones hang",
            evidence=f"ip address: {row.name} mtu {row.mtu}, {BRIDGE} mtu {bridge}",
            safe=True,
            undo=f"ip link set dev {row.name} mtu {row.mtu}",
        )
    hosts = sorted({host for host, _ in settings(look).masters} | set(peer_routes(look).values()))[:MOST_PEERS]
    small = _tried(hosts, lambda host: look.echo(host, 84))
    near = [host for host in hosts if small[host]]
    large = _tried(near, lambda host: look.echo(host, bridge) or look.echo(host, bridge))
    lost = [host for host in near if not large[host]]
    if lost:
        passes = _largest(lambda size: look.echo(lost[0], size, 0.3), bridge)
        device = _towards(rows, lost[0])
        return trouble(
            name,
            f"packets of {bridge} bytes do not reach {lost[0]}; {passes} do: a VPN, PPPoE or a switch on the way",
            f"ip link set dev {BRIDGE} mtu {passes}; ip link set dev {device} mtu {passes}",
            breaks="small requests work, large ones hang",
            evidence=f"ping {lost[0]} that may not be cut: {bridge} bytes lost, {passes} answered",
        )
    return well(
        name, f"{bridge} bytes pass to {len(near)} machines" if near else f"{bridge} bytes; nobody to try it with"
    )


def _largest(passes: Callable[[int], bool], most: int) -> int:
    """The largest packet that passes, by halving; within 8 bytes."""
    low, high = LEAST_MTU, most
    while high - low > 8:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def _towards(rows: list[Interface], host: str) -> str:
    """The interface whose network the host is in; the first uplink where it is further away."""
    ups = [row for row in rows if row.uplink and row.addresses]
    for row in ups:
        if any(ip_address(host) in ip_network(a, strict=False) for a in row.addresses):
            return row.name
    return ups[0].name if ups else "eth0"


def multicast(look: Looker) -> Finding | None:
    """The other nodes announce themselves: their answers to a question by multicast must come back."""
    name = "multicast"
    rows = uplinks(look)
    mute = [row.name for row in rows if "MULTICAST" not in row.flags and "LOOPBACK" not in row.flags]
    if mute:
        return trouble(
            name,
            f"multicast is switched off on {mute[0]}",
            f"ip link set dev {mute[0]} multicast on",
            breaks="boards are not discovered, and this one is not seen",
            evidence=f"ip address: {mute[0]} {' '.join(sorted(next(r for r in rows if r.name == mute[0]).flags))}",
            safe=True,
            undo=f"ip link set dev {mute[0]} multicast off",
        )
    others = sorted(set(peer_routes(look).values()))
    if not others:
        return well(name, "on; no other node to hear")
    own = {a.partition("/")[0] for row in own_interfaces(look) for a in row.addresses}
    asked = query("_wherry._tcp.local", PTR, IN | UNICAST)
    if any(reply.source not in own for reply in look.exchange(MDNS, MDNS_PORT, asked, 0.8, len(others) + 1)):
        return well(name, "other nodes are heard")
    direct = _tried(others[:MOST_PEERS], lambda host: bool(look.exchange(host, MDNS_PORT, asked, 0.5)))
    speaking = [host for host, spoke in direct.items() if spoke]
    if not speaking:
        return unsure(name, "no other node announces itself; its announcer may be off")
    return trouble(
        name,
        f"{speaking[0]} answers when it is asked directly, but not by multicast",
        "switch client isolation and IGMP snooping off on the access point or switch; or: master join ADDRESS",
        breaks="boards are not discovered",
        evidence=f"mDNS query to {MDNS}: silence; to {speaking[0]}: answered",
    )


def offload(look: Looker) -> Finding | None:
    """Checksums of VXLAN packets that the network card gets wrong; only where pods' packets go through such a device."""
    devices = [row.name for row in own_interfaces(look) if row.name.startswith(("flannel", "vxlan", "cilium_vxlan"))]
    if not devices:
        return None
    shown = look.run(("ethtool", "-k", devices[0]))
    if "tx-checksum-ip-generic: on" not in shown and "tx-checksumming: on" not in shown:
        return well("vxlan-offload", f"{devices[0]}: off")
    return trouble(
        "vxlan-offload",
        f"{devices[0]} leaves checksums to the network card, which many get wrong inside VXLAN",
        f"ethtool -K {devices[0]} tx-checksum-ip-generic off",
        breaks="DNS and small requests fail between nodes, and only there",
        evidence=f"ethtool -k {devices[0]}: tx-checksum-ip-generic: on",
        safe=True,
        undo=f"ethtool -K {devices[0]} tx-checksum-ip-generic on",
    )
