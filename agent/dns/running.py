"""`agent dns`: the small process that answers names on the node, over UDP and TCP, from the service table's file."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from dnslib import QTYPE, DNSRecord

from agent.dns.answers import Answers, MalformedQueryError, Packed, Question, parse, respond
from agent.dns.forwarding import RESOLV_CONFS, Forwarder, resolvers
from agent.dns.names import Names, build
from agent.dns.settings import FILE, NameSettings
from agent.dns.settings import load as load_settings
from agent.dns.tables import TableError, load

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
IDLE_SECONDS = 10.0
MAX_CONNECTIONS = 100
_SERVFAIL = Packed(2, 0, 0, 0, b"")
_IP = "/usr/sbin/ip"


@dataclass
class Server:
    """Answers for `domain` from the newest table; everything else goes to `forwarder`."""

    domain: str
    table: Path
    forwarder: Forwarder
    answers: Answers = field(init=False)
    settings: NameSettings = field(default_factory=NameSettings)
    _stamps: tuple[tuple[int, int] | None, ...] = ()
    _connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.answers = Answers(Names(self.domain))

    def look(self) -> None:
        """Reads the table and the settings when a file changed; a damaged one leaves the answers as they are."""
        files = (self.table, self.table.with_name(FILE))
        stamps = tuple(_stamp(path) for path in files)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            names = build(load(files[0]) if stamps[0] else (), self.domain)
            self.settings = load_settings(files[1])
        except (TableError, ValueError) as error:
            log.error("service table or settings are damaged, answering as before: %s", error)
            return
        self.settings.add_hosts(names)
        self.answers = Answers(names, self.answers.serial + 1)
        if self.forwarder.stubs != self.settings.stubs:
            self.forwarder.stubs = self.settings.stubs
            self.forwarder.forget()

    def use(self, resolvers: list[str]) -> None:
        """The node's resolvers, where the settings name no others."""
        self.forwarder.servers = list(self.settings.upstreams) or resolvers

    async def answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """The answer to one packet; None where silence is right (not a query)."""
        try:
            question = parse(packet)
        except MalformedQueryError:
            return packet[:2] + b"\x80\x01" + bytes(8) if len(packet) >= 12 and not packet[2] & 0x80 else None
        if not self.answers.outside(question.name):
            return respond(question, await self._own(question, udp=udp), udp=udp)
        answer = await self.forwarder.ask(question, packet, udp=udp)
        return respond(question, _SERVFAIL, authoritative=False) if answer is None else answer

    def quick(self, packet: bytes) -> bytes | None:
        """The answer where no one else must be asked; None otherwise."""
        try:
            question = parse(packet)
        except MalformedQueryError:
            return None
        if self.answers.outside(question.name):
            return None
        packed = self.answers.answer(question.name, question.type)
        return None if packed.alias else respond(question, packed)

    async def _own(self, question: Question, *, udp: bool) -> Packed:
        """The answer to a name of the cluster, with the addresses of a name outside that it stands for."""
        packed = self.answers.answer(question.name, question.type)
        if not packed.alias:
            return packed
        asked = DNSRecord.question(packed.alias, QTYPE[question.type]).pack()
        answer = await self.forwarder.ask(parse(asked), asked, udp=udp)
        return packed if answer is None else packed.followed(answer)

    async def serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP client: queries one after the other, until it is silent for IDLE_SECONDS."""
        self._connections += 1
        try:
            while self._connections <= MAX_CONNECTIONS:
                async with asyncio.timeout(IDLE_SECONDS):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    packet = await reader.readexactly(length)
                answer = await self.answer(packet, udp=False)
                if answer is None:
                    return
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            return  # the client is gone or silent
        finally:
            self._connections -= 1
            writer.close()

    def later(self, packet: bytes, client: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        """Answers a packet that needs the resolvers, without holding up the next one."""

        async def answer() -> None:
            found = await self.answer(packet, udp=True)
            if found is not None:
                transport.sendto(found, client)

        task = asyncio.create_task(answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when the file does; None where it is not there."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_ino


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self.server.quick(data)
        if answer is None:
            self.server.later(data, addr, self.transport)
        else:
            self.transport.sendto(answer, addr)


async def run(address: str, domain: str, table: Path, port: int = 53) -> None:
    """Serves until cancelled.  The address is put on the loopback device first, so that no other node answers for it."""
    await _own_address(address)
    server = Server(domain, table, Forwarder(_resolvers(address), time.monotonic))
    server.look()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(server), local_addr=(address, port))
    streams = await asyncio.start_server(server.serve_stream, address, port)
    log.info(
        "answering %s at %s:%d, asking %s for the rest", domain, address, port, server.forwarder.servers or "nobody"
    )
    try:
        while True:
            server.look()
            server.use(_resolvers(address))
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        transport.close()
        streams.close()


def _resolvers(own: str) -> list[str]:
    """The node's own resolvers now: a new lease may bring others."""
    return resolvers([path.read_text() for path in RESOLV_CONFS if path.exists()], own=(own,))


async def _own_address(address: str) -> None:
    child = await asyncio.create_subprocess_exec(_IP, "address", "replace", f"{address}/32", "dev", "lo")
    if await child.wait():
        raise OSError(f"ip address replace {address}/32 dev lo failed; the DNS process needs root")
