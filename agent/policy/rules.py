"""Policies of this node to sets of addresses and iptables rules: pure, whole, sorted.

How it works.  The mangle table's FORWARD sees every packet between pods, after Services were translated, and dropping there
leaves the filter table to others.  What a node and its own pods say to each other (probes, DNS) does not pass it.

    FORWARD -> WHERRY-POLICY: answers pass
                 -> WHERRY-EGRESS   (from isolated pods)  -> "O:default/web" -> WHERRY-INGRESS; or WHERRY-DENIED
                 -> WHERRY-INGRESS  (to isolated pods)    -> "I:default/web" -> ACCEPT;         or WHERRY-DENIED
                                                                    a pod may reach itself; or DROP <-'

Each packet is asked anew, not each connection, so that a policy holds for existing ones too.  Sets bear the names of the
chains that use them: "I:default/web" are the pods, "I:default/web:0" the peers of its first rule, "I:default/web:0.1" the
named sockets of that rule's second port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.policy.resolving import Policy, Ports, Rule
from agent.policy.sets import Set
from agent.proxy.restoring import Chains, Ruleset, Share
from agent.proxy.rules import CHAIN_LENGTH, shortened

SHARE = Share(("WHERRY-", "I:", "O:"), {"mangle": (("FORWARD", "-j WHERRY-POLICY"),)})
SET_LENGTH = 31  # IPSET_MAXNAMELEN - 1
EVERYWHERE = ("0.0.0.0/1", "128.0.0.0/1")  # hash:net has no room for a prefix of length 0
ANSWERS = ("-m conntrack --ctdir REPLY -j RETURN", "-m conntrack --ctstate RELATED -j RETURN")
INGRESS, EGRESS, DENIED = "WHERRY-INGRESS", "WHERRY-EGRESS", "WHERRY-DENIED"


@dataclass(frozen=True, slots=True)
class Direction:
    """Which side of a packet the pods are on, and where it goes when a policy lets it through."""

    prefix: str
    pods: str
    peers: str
    allowed: str


IN = Direction("I", "dst", "src", "ACCEPT")
OUT = Direction("O", "src", "dst", INGRESS)


@dataclass(slots=True)
class Rendered:
    sets: dict[str, Set] = field(default_factory=dict)
    chains: Chains = field(default_factory=dict)

    def ruleset(self) -> Ruleset:
        return {"mangle": self.chains}


def render(policies: Iterable[Policy]) -> Rendered:
    """Without policies one empty chain, which costs a packet nothing."""
    out = Rendered()
    ordered = sorted(policies, key=lambda policy: (policy.namespace, policy.name))
    incoming = [policy for policy in ordered if policy.ingress is not None]
    outgoing = [policy for policy in ordered if policy.egress is not None]
    if not ordered:
        out.chains["WHERRY-POLICY"] = ()
        return out
    isolated = {INGRESS: _pods(incoming), EGRESS: _pods(outgoing)}
    for name, pods in isolated.items():
        out.sets[name] = Set("hash:ip", pods)
    everyone = sorted(isolated[INGRESS] | isolated[EGRESS])
    out.chains[DENIED] = (*(f"-s {pod}/32 -d {pod}/32 -j ACCEPT" for pod in everyone), "-j DROP")
    out.chains["WHERRY-POLICY"] = (
        *ANSWERS,
        f"-m set --match-set {EGRESS} src -j {EGRESS}",
        f"-m set --match-set {INGRESS} dst -j {INGRESS}",
    )
    out.chains[EGRESS] = (*(_policy(out, policy, policy.egress or (), OUT) for policy in outgoing), f"-j {DENIED}")
    out.chains[INGRESS] = (
        f"-m set ! --match-set {INGRESS} dst -j ACCEPT",
        *(_policy(out, policy, policy.ingress or (), IN) for policy in incoming),
        f"-j {DENIED}",
    )
    return out


def _pods(policies: Iterable[Policy]) -> frozenset[str]:
    return frozenset(pod for policy in policies for pod in policy.pods)


def _policy(out: Rendered, policy: Policy, rules: Iterable[Rule], way: Direction) -> str:
    """The chain and the sets of one policy in one direction; returns the rule that leads its pods there."""
    name = f"{way.prefix}:{policy.namespace}/{policy.name}"
    chain = shortened(name, CHAIN_LENGTH)
    out.chains[chain] = tuple(
        f"{match}-j {way.allowed}"
        for number, rule in enumerate(rules)
        for match in _matches(out, name, number, rule, way)
    )
    pods = _set(out, name, Set("hash:ip", frozenset(policy.pods)))
    return f"-m set --match-set {pods} {way.pods} -j {chain}"


def _matches(out: Rendered, name: str, number: int, rule: Rule, way: Direction) -> Iterator[str]:
    """One match a port that the rule lets through; none where nobody is meant."""
    if rule.peers == ():
        return
    who = ""
    if rule.peers is not None:
        peers = frozenset(part for peer in rule.peers for part in (EVERYWHERE if peer == "0.0.0.0/0" else (peer,)))
        who = f"-m set --match-set {_set(out, f'{name}:{number}', Set('hash:net', peers))} {way.peers} "
    for index, ports in enumerate(rule.ports):
        if ports.sockets is None:
            yield f"{who}{_numbers(ports)}"
        else:
            sockets = frozenset(f"{address},{ports.protocol.lower()}:{port}" for address, port in ports.sockets)
            found = _set(out, f"{name}:{number}.{index}", Set("hash:ip,port", sockets))
            yield f"{who}-m set --match-set {found} dst,dst "
    if not rule.ports:
        yield who


def _numbers(ports: Ports) -> str:
    protocol = f"-p {ports.protocol.lower()} "
    if not ports.first:
        return protocol
    return protocol + f"--dport {ports.first}" + (f":{ports.last} " if ports.last != ports.first else " ")


def _set(out: Rendered, name: str, members: Set) -> str:
    kept = shortened(name, SET_LENGTH)
    out.sets[kept] = members
    return kept
