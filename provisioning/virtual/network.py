"""The bridge of a cluster's virtual nodes: its subnet, and what `ip` is told.

The host has the subnet's first address.  Multicast is flooded (no snooping), so mDNS works; nothing is masqueraded.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from kube.layout import Layout
from provisioning.virtual.firewall import close_bridge, open_bridge
from provisioning.virtual.locking import alone
from provisioning.virtual.records import Record, load, save, tag

Subnet = ipaddress.IPv4Network
IP = "/usr/sbin/ip"
CHOICES = tuple(ipaddress.IPv4Network(f"10.99.{third}.0/24") for third in range(256))
FIRST_NODE = 11


@dataclass(frozen=True, slots=True)
class Network:
    """A cluster's bridge."""

    bridge: str
    subnet: str

    @property
    def gateway(self) -> str:
        return str(ipaddress.IPv4Network(self.subnet)[1])

    @property
    def prefix(self) -> int:
        return ipaddress.IPv4Network(self.subnet).prefixlen


def choose_subnet(taken: Iterable[Subnet], choices: Iterable[Subnet] = CHOICES) -> Subnet:
    """The first choice that overlaps nothing taken; ValueError where all do."""
    known = list(taken)
    for choice in choices:
        if not any(choice.overlaps(other) for other in known):
            return choice
    raise ValueError("no free subnet for virtual nodes: give one with --virtual-subnet")


def choose_address(subnet: str, taken: Iterable[str]) -> str:
    """The next free address for a node, from the eleventh on."""
    known = set(taken)
    for address in list(ipaddress.IPv4Network(subnet).hosts())[FIRST_NODE - 1 :]:
        if str(address) not in known:
            return str(address)
    raise ValueError(f"no free address in {subnet}")


def routed_subnets(routes_json: str) -> list[Subnet]:
    """The networks that `ip -j route show table all` speaks of, the default route left out."""
    rows = json.loads(routes_json or "[]")
    names = [row["dst"] for row in rows if row.get("dst", "default") != "default" and ":" not in row["dst"]]
    return [ipaddress.IPv4Network(name, strict=False) for name in names]


def link_name(bridge: str, node: str) -> str:
    """The host's end of a node's cable: 15 characters at most, the same at each start."""
    return "wv" + hashlib.sha256(f"{bridge}/{node}".encode()).hexdigest()[:10]


def hardware_address(bridge: str, node: str) -> str:
    """A locally administered MAC that stays when the node is started again, so that neighbours need not relearn."""
    digest = hashlib.sha256(f"mac {bridge}/{node}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def bridge_batch(network: Network) -> str:
    """What makes the bridge."""
    return (
        f"link add {network.bridge} address {hardware_address(network.bridge, '')} type bridge mcast_snooping 0\n"
        f"address add {network.gateway}/{network.prefix} dev {network.bridge}\n"
        f"link set {network.bridge} up\n"
    )


def cable_batch(record: Record, pid: int) -> str:
    """What plugs a node in, seen from the host."""
    link = link_name(record.bridge, record.name)
    mac = hardware_address(record.bridge, record.name)
    return (
        f"link add {link} type veth peer name eth0 address {mac} netns {pid}\n"
        f"link set {link} master {record.bridge}\n"
        f"link set {link} up\n"
    )


def inside_batch(record: Record) -> str:
    """What a DHCP client would have done on the node."""
    return (
        "link set lo up\n"
        f"address add {record.address}/{record.prefix} dev eth0\n"
        "link set eth0 up\n"
        f"route add default via {record.gateway}\n"
    )


def apply_batch(batch: str) -> None:
    """Run `ip -batch`; ValueError carries what ip said."""
    done = subprocess.run([IP, "-batch", "-"], input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"ip: {done.stderr.strip()}")


def link_exists(name: str) -> bool:
    """Asked of this network namespace (a /sys may show another's)."""
    return name in (link for _, link in socket.if_nameindex())


def remove_link(name: str) -> None:
    """Take an interface away; nothing when it is gone already, or goes meanwhile."""
    done = subprocess.run([IP, "link", "delete", name], capture_output=True, text=True, check=False)
    if done.returncode and link_exists(name):
        raise ValueError(f"ip: {done.stderr.strip()}")


def kept_network(layout: Layout) -> Network | None:
    """The bridge that was chosen for this root, whether it is up or not."""
    row = load(layout.state / "virtual" / "network.json")
    return Network(**row) if row else None


def ensure_network(layout: Layout, wanted: str = "", avoid: Iterable[str] = ()) -> Network:
    """The cluster's bridge, made where it is missing; `avoid` names the cluster's pod and service ranges.

    A subnet once chosen is kept, also over `remove_network`, unless another one is wanted.
    """
    path = layout.state / "virtual" / "network.json"
    with alone():
        network = kept_network(layout)
        if network and link_exists(network.bridge) and wanted in ("", network.subnet):
            return network
        taken = [*routed_here(), *(ipaddress.IPv4Network(name) for name in avoid)]
        first = [ipaddress.IPv4Network(name) for name in (wanted or (network.subnet if network else ""),) if name]
        subnet = choose_subnet(taken, first if wanted else (*first, *CHOICES))
        network = Network(f"wh-{tag(layout)}", str(subnet))
        if link_exists(network.bridge):
            remove_link(network.bridge)
        save(path, network)
        apply_batch(bridge_batch(network))
        open_bridge(network.bridge)
        return network


def remove_network(layout: Layout) -> bool:
    """Take the bridge away; its subnet stays recorded.  False where there was none."""
    name = f"wh-{tag(layout)}"
    there = link_exists(name)
    if there:
        close_bridge(name)
        remove_link(name)
    return there


def routed_here() -> list[Subnet]:
    """The networks that this machine has routes to, in any table."""
    command = [IP, "-j", "route", "show", "table", "all"]
    return routed_subnets(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
