"""Datagrams that the kernel still sends to a backend that is gone: what its connection table remembers, and what to forget.

UDP has no end of a connection, so a client that keeps asking keeps an old translation alive; TCP's ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.proxy.choosing import anywhere, here
from agent.proxy.rules import Place
from agent.services import Service

Socket = tuple[str, int]
NODE = ""
"""Stands for every address of the node in a Socket: its node ports."""
_CONNTRACK = "/usr/sbin/conntrack"


@dataclass(frozen=True, slots=True)
class Flow:
    """What a client sent, and who was chosen to answer."""

    source: Socket
    target: Socket
    answers: Socket


class Flows(Protocol):
    async def list(self) -> list[Flow]: ...
    async def forget(self, flow: Flow) -> None: ...


def targets(service: Service | None, place: Place) -> dict[Socket, frozenset[Socket]]:
    """The addresses of a Service's UDP ports with the backends that may answer there; none for a Service that is gone."""
    if service is None or service.headless:
        return {}
    found: dict[Socket, frozenset[Socket]] = {}
    endpoints = (*anywhere(service, place.node, place.zone), *here(service, place.node))
    for port in service.ports:
        if port.protocol != "UDP":
            continue
        backends = frozenset((e.address, e.number(port.name, "UDP")) for e in endpoints)
        for address in (*service.cluster_ips, *service.external_ips, *service.balancer_ips):
            found[address, port.port] = backends
        if port.node_port:
            found[NODE, port.node_port] = backends
    return found


def stale(flows: Iterable[Flow], wanted: Mapping[Socket, frozenset[Socket]]) -> list[Flow]:
    """The flows to these targets that go to none of their backends."""
    return [
        flow for flow in flows if (backends := _backends(flow, wanted)) is not None and flow.answers not in backends
    ]


def _backends(flow: Flow, wanted: Mapping[Socket, frozenset[Socket]]) -> frozenset[Socket] | None:
    """Those of the Service that the flow is sent to; an untranslated flow to a node port's number is somebody else's."""
    if flow.target in wanted:
        return wanted[flow.target]
    translated = flow.answers[0] != flow.target[0]
    return wanted.get((NODE, flow.target[1])) if translated else None


def parse(text: str) -> list[Flow]:
    """`conntrack -L -p udp`: the original direction's addresses and ports, then the reply's."""
    found = []
    for line in text.splitlines():
        words = [word.partition("=")[::2] for word in line.split() if "=" in word]
        one, two = (dict(words[at : at + 4]) for at in (0, 4))
        if one.keys() == two.keys() == {"src", "dst", "sport", "dport"}:
            sockets = ((one["src"], one["sport"]), (one["dst"], one["dport"]), (two["src"], two["sport"]))
            found.append(Flow(*((address, int(port)) for address, port in sockets)))
    return found


class Conntrack:
    """The connection table of this network namespace."""

    async def list(self) -> list[Flow]:
        return parse(await self._run("-L", "-p", "udp"))

    async def forget(self, flow: Flow) -> None:
        (source, sport), (target, dport) = flow.source, flow.target
        words = ("-s", source, "-d", target, "--sport", str(sport), "--dport", str(dport))
        await self._run("-D", "-p", "udp", *words)

    async def _run(self, *words: str) -> str:
        """An entry that is gone already is no failure: conntrack ends with 1 where it deletes none."""
        child = await asyncio.create_subprocess_exec(
            _CONNTRACK, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        output, _ = await child.communicate()
        return output.decode()
