"""Services to iptables rules: pure, whole, sorted.

How it works.  Every Service port has one chain with a rule an endpoint (random choice, then DNAT); a dispatch chain a /24
of cluster addresses keeps the way to it short: at 5,000 Services a packet crosses some 250 rules, not 5,000, and the whole
restores in one transaction.  Chains an endpoint exist only where session affinity needs them.

    PREROUTING, OUTPUT -> WHERRY-SERVICES -> WHERRY-10.43.7 -> "W:default/web:http" -> DNAT
                                          -> WHERRY-NODEPORTS -> "X:default/web:http" (mark, then the same)
    POSTROUTING -> WHERRY-POSTROUTING: masquerade what is marked, what leaves the cluster, a pod that reached itself
    INPUT, FORWARD, OUTPUT (filter) -> WHERRY-REJECT: a Service without endpoints refuses instead of hanging;
                                       nobody else's packet gets to 127.0.0.0/8; what no Service claims stays here

A Service that is older than its rules here is met by silence, not by a refusal: its client's kernel repeats the first
packet after a second, and no program needs to know.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from agent.proxy.choosing import anywhere, here
from agent.proxy.restoring import Chains, Ruleset, Share
from agent.services import Endpoint, Port, Service

CHAIN_LENGTH = 28  # XT_EXTENSION_MAXNAMELEN - 1
MARK = "0x4000/0x4000"
_MARK_RULE = f"-j MARK --set-xmark {MARK}"
# Loopback addresses are routed, for node ports at 127.0.0.1; what only listens there stays out of others' reach all the same.
LOOPBACK_GUARD = "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate DNAT -j DROP"

# Jumps from the kernel's own chains into ours, by table: (chain, rule).
JUMPS: dict[str, tuple[tuple[str, str], ...]] = {
    "nat": (
        ("PREROUTING", "-j WHERRY-SERVICES"),
        ("OUTPUT", "-j WHERRY-SERVICES"),
        ("POSTROUTING", "-j WHERRY-POSTROUTING"),
    ),
    "filter": (
        ("INPUT", "-m conntrack --ctstate NEW -j WHERRY-REJECT"),
        ("FORWARD", "-m conntrack --ctstate NEW -j WHERRY-REJECT"),
        ("OUTPUT", "-m conntrack --ctstate NEW -j WHERRY-REJECT"),
        ("FORWARD", "-j WHERRY-FORWARD"),
    ),
}
SHARE = Share(("WHERRY-", "W:", "N:", "X:", "E:", "L:"), JUMPS)


@dataclass(frozen=True, slots=True)
class Place:
    """What a node must know to render: its own name, the cluster's ranges, addresses it answers itself (its DNS)."""

    node: str
    pod_cidr: str
    service_cidr: str
    local_services: frozenset[str] = frozenset()
    zone: str = ""


@dataclass(slots=True)
class Part:
    """What one Service adds; `dispatch` and the others are rules for shared chains, by chain."""

    chains: Chains = field(default_factory=dict)
    dispatch: list[tuple[str, str]] = field(default_factory=list)  # cluster address, rule
    external: list[str] = field(default_factory=list)
    node_ports: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)


def chain_name(prefix: str, service: Service, port: Port, tail: str = "") -> str:
    """`W:default/web:http`: at most 28 characters."""
    name = f"{service.namespace}/{service.name}:{port.name or port.port}{'/' + tail if tail else ''}"
    if port.protocol != "TCP":
        name += f":{port.protocol.lower()}"
    return shortened(f"{prefix}:{name}", CHAIN_LENGTH)


def shortened(name: str, length: int) -> str:
    """A name that the kernel can keep: what is longer keeps its beginning and ends in a hash of the whole."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: length - 9]}~{digest}"


def render_service(service: Service, place: Place) -> Part:
    """The rules of one Service; empty for headless and external names, and for what the node answers itself."""
    part = Part()
    addresses = [ip for ip in service.cluster_ips if ":" not in ip and ip not in place.local_services]
    if service.headless or service.type == "ExternalName" or not addresses:
        return part
    everywhere, local = anywhere(service, place.node, place.zone), here(service, place.node)
    for port in service.ports:
        ways = _Ways(part, service, port, _backends(everywhere, port), _backends(local, port))
        _render_inside(ways, addresses, place)
        if port.node_port or service.external_ips or service.balancer_ips:
            _render_outside(ways, place)
    return part


@dataclass(slots=True)
class _Ways:
    """A port of a Service and its backends: anywhere in the cluster, and on this node."""

    part: Part
    service: Service
    port: Port
    everywhere: list[str]
    local: list[str]

    @property
    def match(self) -> str:
        return f"-p {self.port.protocol.lower()} --dport {self.port.port}"

    def chain(self, local: bool) -> str:
        """The chain among all backends or this node's; empty where there are none."""
        backends = self.local if local else self.everywhere
        return _balance(self.part, "N" if local else "W", self.service, self.port, backends)

    def refusal(self, local: bool) -> str:
        """What a packet that finds no backend meets: silence where another node would have had one."""
        return "-j DROP" if local and self.everywhere else _refusal(self.port)


def _render_inside(ways: _Ways, addresses: list[str], place: Place) -> None:
    local = ways.service.internal_local
    chain = ways.chain(local)
    for address in addresses:
        if chain:
            ways.part.dispatch += [
                (address, f"! -s {place.pod_cidr} -d {address}/32 {ways.match} {_MARK_RULE}"),
                (address, f"-d {address}/32 {ways.match} -j {chain}"),
            ]
        else:
            ways.part.rejects.append(f"-d {address}/32 {ways.match} {ways.refusal(local)}")


def _render_outside(ways: _Ways, place: Place) -> None:
    """Node ports, external addresses and balancer addresses: the ways in from outside the cluster."""
    part, service, port = ways.part, ways.service, ways.port
    refusal = ways.refusal(service.external_local)
    refused = not (ways.local if service.external_local else ways.everywhere)
    entry = _entry(ways, place)
    limited = _limit(part, service, port, entry)
    doors = [(ip, entry) for ip in service.external_ips] + [(ip, limited) for ip in service.balancer_ips]
    for address, chain in doors:
        if ":" in address:
            continue
        if chain:
            part.external.append(f"-d {address}/32 {ways.match} -j {chain}")
        if chain != entry:  # what the source ranges let through has another destination by now
            part.rejects.append(f"-d {address}/32 {ways.match} -j DROP")
        elif refused:
            part.rejects.append(f"-d {address}/32 {ways.match} {refusal}")
    if port.node_port:
        node_match = f"-p {port.protocol.lower()} --dport {port.node_port}"
        if entry:
            part.node_ports.append(f"{node_match} -j {entry}")
        if refused:
            part.rejects.append(f"-m addrtype --dst-type LOCAL {node_match} {refusal}")


def _entry(ways: _Ways, place: Place) -> str:
    """The chain for traffic from outside: marked for masquerade and on to any backend; under the Local policy the client's
    address is kept and the backend is on this node, but for what the cluster itself sends."""
    everywhere = ways.chain(False)
    if not everywhere:
        return ""
    name = chain_name("X", ways.service, ways.port)
    if not ways.service.external_local:
        ways.part.chains[name] = (_MARK_RULE, f"-j {everywhere}")
        return name
    near = ways.chain(True)
    own = "-m addrtype --src-type LOCAL"
    cluster = (f"-s {place.pod_cidr} -j {everywhere}", f"{own} {_MARK_RULE}", f"{own} -j {everywhere}")
    ways.part.chains[name] = (*cluster, *([f"-j {near}"] if near else []))
    return name


def _limit(part: Part, service: Service, port: Port, entry: str) -> str:
    """The chain that lets only `loadBalancerSourceRanges` through to `entry`; `entry` itself where there are none."""
    if not entry or not service.source_ranges:
        return entry
    name = chain_name("L", service, port)
    part.chains[name] = tuple(f"-s {block} -j {entry}" for block in service.source_ranges if ":" not in block)
    return name


def _balance(part: Part, prefix: str, service: Service, port: Port, backends: list[str]) -> str:
    """The Service port's chain among `backends`; returns its name, empty when there is no backend."""
    if not backends:
        return ""
    name = chain_name(prefix, service, port)
    if not service.affinity_seconds:
        part.chains[name] = tuple(_dnat_rules(port, backends))
        return name
    ends = [(backend, chain_name("E", service, port, backend)) for backend in backends]
    for backend, end in ends:
        part.chains[end] = (f"-m recent --name {_list(end)} --set --rsource", _dnat(port, backend))
    seconds = service.affinity_seconds
    part.chains[name] = (
        *(f"-m recent --name {_list(end)} --rcheck --seconds {seconds} --reap --rsource -j {end}" for _, end in ends),
        *(f"{_share(i, len(ends))}-j {end}" for i, (_, end) in enumerate(ends)),
    )
    return name


def _list(chain: str) -> str:
    """A name for xt_recent, which makes a file of it under /proc."""
    return chain.replace("/", ".")


def _backends(endpoints: Iterable[Endpoint], port: Port) -> list[str]:
    found = ((e.address, e.number(port.name, port.protocol)) for e in endpoints)
    return sorted({f"{address}:{number}" for address, number in found if number and ":" not in address})


def _dnat_rules(port: Port, backends: list[str]) -> list[str]:
    return [_share(i, len(backends)) + _dnat(port, backend) for i, backend in enumerate(backends)]


def _dnat(port: Port, backend: str) -> str:
    return f"-p {port.protocol.lower()} -j DNAT --to-destination {backend}"


def _share(index: int, count: int) -> str:
    left = count - index
    return "" if left == 1 else f"-m statistic --mode random --probability {1 / left:.10f} "


def _refusal(port: Port) -> str:
    return "-j REJECT --reject-with " + ("tcp-reset" if port.protocol == "TCP" else "icmp-port-unreachable")


def hairpins(services: Iterable[Service], place: Place) -> tuple[str, ...]:
    """A pod of this node that reaches itself through its Service must see another source than itself."""
    own = {e.address for s in services for e in s.endpoints if e.node == place.node and ":" not in e.address}
    return tuple(f"-s {ip}/32 -d {ip}/32 -j MASQUERADE" for ip in sorted(own, key=_number))


def assemble(parts: Mapping[tuple[str, str], Part], hairpin: tuple[str, ...], place: Place) -> Ruleset:
    """The node's whole ruleset from every Service's part, sorted so that the same Services give the same text."""
    nat: Chains = {}
    dispatch: dict[str, list[tuple[int, str]]] = defaultdict(list)
    external: list[str] = []
    node_ports: list[str] = []
    rejects: list[str] = []
    for key in sorted(parts):
        part = parts[key]
        nat.update(part.chains)
        for address, rule in part.dispatch:
            dispatch[address.rpartition(".")[0]].append((_number(address), rule))
        external += part.external
        node_ports += part.node_ports
        rejects += part.rejects
    blocks = sorted(dispatch, key=lambda block: _number(block + ".0"))
    for block in blocks:
        nat[f"WHERRY-{block}"] = tuple(rule for _, rule in sorted(dispatch[block], key=lambda pair: pair[0]))
    nat["WHERRY-SERVICES"] = (
        *(f"-d {block}.0/24 -j WHERRY-{block}" for block in blocks),
        *external,
        "-m addrtype --dst-type LOCAL -j WHERRY-NODEPORTS",
    )
    nat["WHERRY-NODEPORTS"] = tuple(node_ports)
    nat["WHERRY-HAIRPIN"] = hairpin
    nat["WHERRY-POSTROUTING"] = (
        f"-m mark ! --mark {MARK} -m conntrack --ctstate DNAT -s {place.pod_cidr} -d {place.pod_cidr} -j WHERRY-HAIRPIN",
        f"-s {place.pod_cidr} ! -d {place.pod_cidr} -j MASQUERADE",
        f"-m mark ! --mark {MARK} -j RETURN",
        "-j MARK --set-xmark 0x4000/0x0",  # xor: the mark is spent
        "-j MASQUERADE",
    )
    forward = (
        f"-m mark --mark {MARK} -j ACCEPT",
        f"-s {place.pod_cidr} -j ACCEPT",
        f"-d {place.pod_cidr} -j ACCEPT",
    )
    unclaimed = f"-d {place.service_cidr} -m addrtype ! --dst-type LOCAL -j DROP"
    return {"filter": {"WHERRY-FORWARD": forward, "WHERRY-REJECT": (LOOPBACK_GUARD, *rejects, unclaimed)}, "nat": nat}


def _number(address: str) -> int:
    return int(IPv4Address(address))
