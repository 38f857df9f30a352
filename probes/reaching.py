"""The network as a probe sees it: HTTPS to the master, TCP, UDP, ICMP and ARP, each within a time limit."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BODY = 8 << 20
ETH_ARP = 0x0806
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # ip(7); not in the socket module
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL; not in the ssl module
MULTICAST = "224."


class CouldNotLook(Exception):
    """The file or program is not there, may not be used, or does not answer; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, how many seconds it took, and its clock; any status is an answer."""

    status: int
    body: str
    seconds: float
    date: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    source: str
    data: bytes


class Wire:
    """This machine's network; certificates lie under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._asked: dict[tuple[str, bool, bool], Answer | CouldNotLook] = {}
        self._locks: defaultdict[tuple[str, bool, bool], threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, url: str, *, timeless: bool = False, proven: bool = False, seconds: float = 3.0) -> Answer:
        """The same question is asked once."""
        key = (url, timeless, proven)
        with self._locks[key]:
            if key not in self._asked:
                try:
                    self._asked[key] = self._get(url, timeless, proven, seconds)
                except CouldNotLook as error:
                    self._asked[key] = error
            found = self._asked[key]
        if isinstance(found, CouldNotLook):
            raise found
        return found

    def _get(self, url: str, timeless: bool, proven: bool, seconds: float) -> Answer:
        began = time.monotonic()

        def answer(status: int, body: bytes, date: str | None) -> Answer:
            return Answer(status, body.decode("utf-8", "replace"), time.monotonic() - began, date or "")

        try:
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context(timeless, proven))
            )
            with opener.open(url, timeout=seconds) as response:
                return answer(response.status, response.read(BODY), response.headers.get("Date"))
        except urllib.error.HTTPError as error:
            return answer(error.code, error.read(BODY), error.headers.get("Date"))
        except urllib.error.URLError as error:
            raise CouldNotLook(str(error.reason)) from error
        except (OSError, ValueError) as error:
            raise CouldNotLook(str(error) or type(error).__name__) from error

    def _context(self, timeless: bool, proven: bool) -> ssl.SSLContext:
        folder = self.root / "etc/wherry"
        context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        if timeless:
            context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        if proven:
            context.load_cert_chain(folder / "node.crt", folder / "node.key")
        return context

    def connect(self, address: str, port: int, seconds: float = 1.0) -> str:
        try:
            socket.create_connection((address, port), seconds).close()
        except TimeoutError:
            return "timed out"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def exchange(self, address: str, port: int, datagram: bytes, seconds: float = 1.0, most: int = 1) -> list[Reply]:
        found: list[Reply] = []
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                if address.startswith(MULTICAST):
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
                sock.sendto(datagram, (address, port))
                receive = _until(sock, seconds)
                while len(found) < most and (reply := receive()):
                    found.append(reply)
        except OSError as error:
            if not found:
                raise CouldNotLook(f"{address}:{port}: {error.strerror or error}") from error
        return found

    def echo(self, address: str, size: int, seconds: float = 0.7) -> bool:
        ident = os.getpid() & 0xFFFF ^ threading.get_native_id() & 0xFFFF
        packet = _echo_request(ident, size - 28)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
                sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
                sock.sendto(packet, (address, 0))
                receive = _until(sock, seconds)
                while reply := receive():
                    message = reply.data[(reply.data[0] & 15) * 4 :]
                    if reply.source == address and message[:1] == b"\0" and message[4:6] == packet[4:6]:
                        return True
        except PermissionError as error:
            raise CouldNotLook("ICMP needs root") from error
        except OSError:
            return False  # too large for our own link, or no way there
        return False

    def claims(self, interface: str, address: str, seconds: float = 0.5) -> list[str]:
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ARP)) as sock:
                sock.bind((interface, ETH_ARP))
                own = sock.getsockname()[4]
                sock.send(_arp_probe(own, address))
                receive = _until(sock, seconds)
                found = set()
                while reply := receive():
                    frame = reply.data
                    if frame[28:32] == socket.inet_aton(address) and frame[22:28] != own:
                        found.add(frame[22:28].hex(":"))
                return sorted(found)
        except PermissionError as error:
            raise CouldNotLook("ARP needs root") from error
        except OSError as error:
            raise CouldNotLook(f"{interface}: {error.strerror or error}") from error


def _until(sock: socket.socket, seconds: float) -> Callable[[], Reply | None]:
    """Receives what arrives before the time is over, then None."""
    end = time.monotonic() + seconds

    def receive() -> Reply | None:
        left = end - time.monotonic()
        if left <= 0:
            return None
        sock.settimeout(left)
        try:
            data, source = sock.recvfrom(65535)
        except TimeoutError:
            return None
        return Reply(str(source[0]), data)

    return receive


def _echo_request(ident: int, payload: int) -> bytes:
    """RFC 792."""
    body = struct.pack("!HH", ident, 1) + b"w" * max(payload, 0)
    return struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + body)) + body


def checksum(data: bytes) -> int:
    """RFC 1071's."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _arp_probe(own: bytes, address: str) -> bytes:
    """RFC 5227's probe: the sender's address is left empty, so that nobody's table changes."""
    header = b"\xff" * 6 + own + struct.pack("!H", ETH_ARP)
    request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + b"\0" * 4 + b"\0" * 6 + socket.inet_aton(address)
    return header + request
