"""Balancer addresses that this node answers for on its LAN: on the loopback device, and told by gratuitous ARP.

The kernel answers ARP for any address of its own at any link; what switches and neighbours remember of an address that
moved here is overwritten by saying it unasked (RFC 5227, 3), a few times, since nobody confirms it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.network.commands import NetworkError, ip
from agent.services import Object, Service

log = logging.getLogger(__name__)

LABEL = "lo:wherry"
TIMES, PAUSE = 3, 1.0
SWEEP_SECONDS = 30.0
_BROADCAST = b"\xff" * 6


def wanted(services: Iterable[Service], node: str) -> set[str]:
    """The addresses that this node announces."""
    return {ip for service in services if service.announcer == node for ip in service.balancer_ips if ":" not in ip}


def plan(want: set[str], have: set[str]) -> list[str]:
    """Lines for `ip -batch -`."""
    gone = [f"address del {address}/32 dev lo" for address in sorted(have - want)]
    return gone + [f"address replace {address}/32 dev lo label {LABEL}" for address in sorted(want - have)]


def parse(text: str) -> set[str]:
    """The addresses of ours in `ip -j -4 address show dev lo`."""
    rows = [row for link in json.loads(text or "[]") for row in link.get("addr_info") or ()]
    return {row["local"] for row in rows if row.get("label") == LABEL}


def frame(hardware: bytes, address: str) -> bytes:
    """An ARP request from the address for itself, to everybody."""
    own = socket.inet_aton(address)
    head = _BROADCAST + hardware + struct.pack("!H", 0x0806)
    return head + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + hardware + own + bytes(6) + own


def links(text: str) -> list[str]:
    """The links in `ip -j route show default` or to other nodes: where the LAN is."""
    return sorted({route["dev"] for route in json.loads(text or "[]") if route.get("gateway") and route.get("dev")})


def say(link: str, address: str) -> None:
    """OSError where the link is gone or has no hardware address."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((link, 0))
        wire.send(frame(wire.getsockname()[4], address))


@dataclass
class Announcements:
    """`services` gives the table as it is; `service_changed` is told when a Service does."""

    node: str
    services: Callable[[], Iterable[Service]]
    say: Callable[[str, str], None] = say
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def service_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        """Others than balanced Services wake nobody."""
        if any(obj["spec"].get("type") == "LoadBalancer" for obj in (old, new) if obj):
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled; addresses stay where they are, an agent's restart moves none."""
        while True:
            self._wake.clear()
            try:
                new = await self.sync()
                for _ in range(TIMES if new else 0):
                    await self.tell(new)
                    await asyncio.sleep(PAUSE)
            except (NetworkError, OSError) as error:
                log.error("balancer addresses: %s; next try in %d s", error, SWEEP_SECONDS)
            try:
                await asyncio.wait_for(self._wake.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def sync(self) -> set[str]:
        """Puts the kernel's addresses right; returns those that are new here."""
        want = wanted(self.services(), self.node)
        have = parse(await ip("-j", "-4", "address", "show", "dev", "lo"))
        if lines := plan(want, have):
            await ip("-batch", "-", text="\n".join(lines) + "\n")
            log.info("balancer addresses changed: %s", "; ".join(lines))
        return want - have

    async def tell(self, addresses: set[str]) -> None:
        for link in links(await ip("-j", "-4", "route", "show")):
            for address in sorted(addresses):
                self.say(link, address)
