"""Names that are not the cluster's: asked of the node's own resolvers, answers kept for as long as they allow.

Loops are avoided by construction: resolvers on loopback (where systemd-resolved listens) and the cluster's own address are
never asked; where /etc/resolv.conf names only those, the list that systemd-resolved itself uses is read instead.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import cast

from dnslib import QTYPE, DNSError, DNSRecord

from agent.dns.answers import Question

RESOLV_CONFS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
TIMEOUT_SECONDS = 2.0
CACHE_ENTRIES = 5_000
NEGATIVE_TTL = 5
MAX_NEGATIVE_TTL = 30
MAX_TTL = 3_600


def resolvers(texts: Iterable[str], own: Iterable[str] = ()) -> list[str]:
    """The name servers of the first text (of resolv.conf) that names a usable one."""
    avoided = set(own)
    for text in texts:
        found = [
            line.split()[1] for line in text.splitlines() if line.startswith("nameserver") and len(line.split()) > 1
        ]
        usable = [address for address in found if address not in avoided and _usable(address)]
        if usable:
            return usable[:3]
    return []


def _usable(address: str) -> bool:
    try:
        return not ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


@dataclass
class Forwarder:
    """Asks `servers` in turn; answers are bytes with the id and question of the query they answer."""

    servers: list[str]
    clock: Callable[[], float]
    port: int = 53
    stubs: Mapping[str, list[str]] = field(default_factory=dict)
    """Domains, with the closing dot, that servers of their own know."""
    _cache: dict[tuple[str, int, bool], tuple[float, bytes]] = field(default_factory=dict)

    async def ask(self, question: Question, packet: bytes, *, udp: bool) -> bytes | None:
        """The resolvers' answer, from the cache while it lives; None when none of them answers."""
        key = (question.name, question.type, udp)
        kept = self._cache.get(key)
        if kept and kept[0] > self.clock():
            return self._readdress(kept[1], question)
        for server in self._servers_of(question.name):
            try:
                answer = await asyncio.wait_for(self._ask(server, packet, udp=udp), TIMEOUT_SECONDS)
            except (TimeoutError, OSError):
                continue
            self._keep(key, answer)
            return answer
        return None

    def _servers_of(self, name: str) -> list[str]:
        """Those of the longest domain that the name lies in; everybody's where it lies in none."""
        domains = [d for d in self.stubs if name == d or name.endswith(f".{d}")]
        return self.stubs[max(domains, key=len)] if domains else self.servers

    def forget(self) -> None:
        """Others are to be asked from now on."""
        self._cache.clear()

    def _readdress(self, answer: bytes, question: Question) -> bytes:
        """A kept answer for another query: its id, and the question in the case in which it was asked."""
        return struct.pack("!H", question.id) + answer[2:12] + question.raw + answer[12 + len(question.raw) :]

    def _keep(self, key: tuple[str, int, bool], answer: bytes) -> None:
        seconds = lifetime(answer)
        if not seconds:
            return
        if len(self._cache) >= CACHE_ENTRIES:
            now = self.clock()
            self._cache = (
                {k: v for k, v in self._cache.items() if v[0] > now} if len(self._cache) < 2 * CACHE_ENTRIES else {}
            )
        if len(self._cache) < CACHE_ENTRIES:
            self._cache[key] = (self.clock() + seconds, answer)

    async def _ask(self, server: str, packet: bytes, *, udp: bool) -> bytes:
        ident = random.getrandbits(16).to_bytes(2, "big")
        exchange = self._over_udp if udp else self._over_tcp
        answer = await exchange(server, ident + packet[2:])
        return packet[:2] + answer[2:]

    async def _over_udp(self, server: str, packet: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        transport, waiting = await loop.create_datagram_endpoint(
            lambda: _Exchange(packet, loop.create_future()), remote_addr=(server, self.port)
        )
        try:
            return await waiting.answer
        finally:
            transport.close()

    async def _over_tcp(self, server: str, packet: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self.port)
        try:
            writer.write(struct.pack("!H", len(packet)) + packet)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise OSError(f"{server} closed the connection") from error
        finally:
            writer.close()


class _Exchange(asyncio.DatagramProtocol):
    """One query and its answer; datagrams with another id are ignored."""

    def __init__(self, packet: bytes, answer: asyncio.Future[bytes]) -> None:
        self.packet = packet
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self.packet)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self.packet[:2] and len(data) >= 12 and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def lifetime(answer: bytes) -> int:
    """Seconds for which an answer may be kept: the least TTL of its records; for a name that does not exist, or has none
    of the kind, what its zone says (RFC 2308), but not long."""
    try:
        record = DNSRecord.parse(answer)
    except DNSError:
        return 0
    if record.header.tc or record.header.rcode not in (0, 3):
        return 0
    if not record.rr:
        zones = [rr for rr in record.auth if rr.rtype == QTYPE.SOA]
        return (
            min([MAX_NEGATIVE_TTL, *(min(int(rr.ttl), int(rr.rdata.times[4])) for rr in zones)])
            if zones
            else NEGATIVE_TTL
        )
    return min([MAX_TTL, *(int(rr.ttl) for rr in record.rr)])
