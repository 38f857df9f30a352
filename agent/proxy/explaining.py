"""What a node does with a Service, for people: its addresses, its endpoints, the kernel's rules, and whether they agree.

Pure: from the service table and what `iptables-save -c` says to lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.proxy.rules import Place, render_service
from agent.services import Endpoint, Service

_COUNTED = re.compile(r"^\[(\d+):(\d+)\] -A (\S+) (.*)$")
_BACKEND = re.compile(r"--to-destination (\S+)")


@dataclass
class Seen:
    """The kernel's rules by chain, each with the packets it has met."""

    chains: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def backends(self, chain: str) -> set[str]:
        return {found for rule, _ in self.chains.get(chain, ()) for found in _BACKEND.findall(rule)}


def parse(text: str) -> Seen:
    seen = Seen()
    for line in text.splitlines():
        if match := _COUNTED.match(line):
            packets, _, chain, rule = match.groups()
            seen.chains.setdefault(chain, []).append((rule, int(packets)))
    return seen


def problems(service: Service, place: Place, seen: Seen) -> list[str]:
    """Where the kernel differs from what the table says; none when they agree."""
    part = render_service(service, place)
    found = []
    for chain, rules in sorted(part.chains.items()):
        there, wanted = seen.chains.get(chain, []), set(_BACKEND.findall("\n".join(rules)))
        if len(there) != len(rules):
            found.append(f"chain {chain} has {len(there)} rules in the kernel, not {len(rules)}")
        elif seen.backends(chain) != wanted:
            found.append(f"chain {chain} leads to {_list(seen.backends(chain))}, not {_list(wanted)}")
    for address, rule in part.dispatch:
        chain = f"WHERRY-{address.rpartition('.')[0]}"
        target = rule.rpartition(" ")[2]
        if " -j MARK " not in rule and not any(
            f"-d {address}/32" in r and target in r for r, _ in seen.chains.get(chain, ())
        ):
            found.append(f"nothing leads from {address} to {target}")
    return found


def explain(service: Service, place: Place, seen: Seen) -> Iterator[str]:
    """Lines to print."""
    yield f"{service.namespace}/{service.name} ({service.type})"
    yield f"  addresses  {_list(service.cluster_ips) or 'none, headless'}"
    for what, ips in (("external", service.external_ips), ("balancer", service.balancer_ips)):
        if ips:
            yield f"  {what:9}  {_list(ips)}"
    for port in service.ports:
        door = f", node port {port.node_port}" if port.node_port else ""
        yield f"  port       {port.name or '-'} {port.port}/{port.protocol}{door}"
    for endpoint in service.endpoints:
        yield f"  endpoint   {_endpoint(endpoint, place)}"
    for chain in sorted(render_service(service, place).chains):
        yield f"  chain      {chain}"
        for rule, packets in seen.chains.get(chain, ()):
            yield f"    {packets:8} packets  {rule}"
    wrong = problems(service, place, seen)
    yield from (f"  wrong      {line}" for line in wrong)
    if not wrong:
        yield "  the kernel agrees with the cluster"


def _endpoint(endpoint: Endpoint, place: Place) -> str:
    state = "ready" if endpoint.ready else "ending" if endpoint.terminating else "not ready"
    where = "here" if endpoint.node == place.node else endpoint.node or "outside"
    ports = ",".join(str(number) for _, _, number in endpoint.ports)
    pod = f" {endpoint.pod[0]}/{endpoint.pod[1]}" if endpoint.pod else ""
    return f"{endpoint.address}:{ports} {state}, {where}{pod}"


def _list(words: set[str] | tuple[str, ...]) -> str:
    return " ".join(sorted(words))
