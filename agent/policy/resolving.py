"""What NetworkPolicies mean on this node: pure, from objects to addresses and ports.

Sources: NetworkPolicy of networking.k8s.io/v1.  A policy is applied on the node of the pods that it selects; the addresses
of the pods that it names as peers come from the slices that its controller writes (`kube.policies`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses, ip_network
from typing import Any

from kube import policies
from kube.selectors import from_object

Object = dict[str, Any]
NamedPorts = tuple[tuple[str, str, int], ...]  # name, protocol, number


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of this node that has an address of its own."""

    namespace: str
    labels: Mapping[str, str]
    address: str
    ports: NamedPorts = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A pod somewhere in the cluster that a peer names."""

    address: str
    ports: NamedPorts = ()


Members = Mapping[str, Iterable[Member]]
"""From a group's key to the pods in it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """A protocol with a range of numbers (0 to 0: all), or the sockets, as address and number, that bear a name."""

    protocol: str
    first: int = 0
    last: int = 0
    sockets: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may, and through which ports; `peers` are networks, None means anyone, no `ports` all of them."""

    peers: tuple[str, ...] | None
    ports: tuple[Ports, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with the addresses of this node's pods that it isolates; None where it does not speak of a direction."""

    namespace: str
    name: str
    pods: tuple[str, ...]
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None


def pod_of(obj: Object) -> Pod | None:
    """None for a pod without an address, with the node's own, or one that has ended."""
    spec, status, meta = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    addresses = [status.get("podIP") or "", *(entry["ip"] for entry in status.get("podIPs") or ())]
    address = next((ip for ip in addresses if ip and ":" not in ip), "")
    if not address or spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    containers = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    ports = [port for container in containers for port in container.get("ports") or ()]
    return Pod(meta["namespace"], meta.get("labels") or {}, address, policies.named_ports(ports))


def members_of(piece: Object) -> list[Member]:
    """The pods that a slice of a policy's controller tells of."""
    ports = tuple((p["name"], p.get("protocol") or "TCP", p["port"]) for p in piece.get("ports") or () if p.get("name"))
    return [Member(entry["addresses"][0], ports) for entry in piece.get("endpoints") or () if entry.get("addresses")]


def resolve(policy: Object, here: Iterable[Pod], members: Members) -> Policy | None:
    """None where the policy selects no pod of this node."""
    meta, spec = policy["metadata"], policy.get("spec") or {}
    selector = from_object(spec.get("podSelector") or {})
    pods = sorted((p for p in here if p.namespace == meta["namespace"] and selector.matches(p.labels)), key=_address)
    if not pods:
        return None
    types = spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ()))
    ingress = [_ingress(rule, pods, members) for rule in spec.get("ingress") or ()]
    egress = [_egress(rule, members) for rule in spec.get("egress") or ()]
    return Policy(
        meta["namespace"],
        meta["name"],
        tuple(pod.address for pod in pods),
        tuple(ingress) if "Ingress" in types else None,
        tuple(egress) if "Egress" in types else None,
    )


def _ingress(rule: Object, pods: Iterable[Pod], members: Members) -> Rule:
    """A port's name is looked up in the pods that the policy selects."""
    targets = [Member(pod.address, pod.ports) for pod in pods]
    return Rule(_networks(rule.get("from"), members), tuple(_ports(port, targets) for port in rule.get("ports") or ()))


def _egress(rule: Object, members: Members) -> Rule:
    """A port's name is looked up in the peers."""
    peers = rule.get("to")
    named = [group for group in map(policies.group_of, peers or ()) if group] if peers else [policies.EVERY_POD]
    targets = [member for group in named for member in members.get(group.key, ())] if policies.has_names(rule) else []
    return Rule(_networks(peers, members), tuple(_ports(port, targets) for port in rule.get("ports") or ()))


def _ports(port: Object, targets: Iterable[Member]) -> Ports:
    protocol, number = port.get("protocol") or "TCP", port.get("port")
    if number is None:
        return Ports(protocol)
    if isinstance(number, int):
        return Ports(protocol, number, port.get("endPort") or number)
    found = {(m.address, n) for m in targets for name, p, n in m.ports if name == number and p == protocol}
    return Ports(protocol, sockets=tuple(sorted(found)))


def _networks(peers: Iterable[Object] | None, members: Members) -> tuple[str, ...] | None:
    """IPv4 networks of all peers together; what several name is told once, what one leaves out another may let in."""
    if not peers:
        return None
    found: list[IPv4Network] = []
    for peer in peers:
        group = policies.group_of(peer)
        if group is None:
            found += _block(peer["ipBlock"])
        else:
            found += [IPv4Network(member.address) for member in members.get(group.key, ())]
    return tuple(sorted(_text(network) for network in collapse_addresses(found)))


def _block(block: Object) -> list[IPv4Network]:
    """A block without its exceptions."""
    if ":" in block["cidr"]:
        return []
    left = [IPv4Network(block["cidr"], strict=False)]
    for text in block.get("except") or ():
        hole = ip_network(text, strict=False)
        if isinstance(hole, IPv4Network):
            left = [part for network in left for part in _without(network, hole)]
    return left


def _without(network: IPv4Network, hole: IPv4Network) -> list[IPv4Network]:
    if not network.overlaps(hole):
        return [network]
    return list(network.address_exclude(hole)) if hole.subnet_of(network) else []


def _text(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _address(pod: Pod) -> str:
    return pod.address
