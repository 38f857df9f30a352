"""A DNS query of the cluster's domain to its packed answer; answers are kept packed and only the id and question differ.

How it works.  The question of a query is copied into the answer as it stands, so names keep the case that the client used
(0x20), and the packed records point to it (0xC00C).  dnslib packs records; the fast path never touches it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from dnslib import AAAA, CNAME, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSBuffer, DNSError, DNSRecord

from agent.dns.names import TTL, Names, Record

MAX_UDP, MAX_EXTENDED = 512, 4096
_OPT = b"\0" + struct.pack("!HHIH", 41, MAX_EXTENDED, 0, 0)
_HEADER = struct.Struct("!6H")
_FLAG_TC = 0x0200
_LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Question:
    """The first question of a query: `name` lower case with the closing dot, `raw` its bytes as they came."""

    id: int
    recursion: bool
    name: str
    type: int
    raw: bytes
    udp_size: int
    extended: bool = False
    """Whether the query has an OPT record; then the answer must have one too (RFC 6891, 6.1.1)."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An answer without header and question; `alias` is the name outside the cluster whose addresses are still to follow."""

    rcode: int
    answers: int
    authority: int
    additional: int
    body: bytes
    alias: str = ""

    def followed(self, answer: bytes) -> Packed:
        """With the records of the alias's own answer behind, since the resolvers in containers do not ask a second time."""
        try:
            records = DNSRecord.parse(answer).rr
        except DNSError:
            return self
        more = b"".join(_pack(record) for record in records)
        return replace(self, answers=self.answers + len(records), body=self.body + more, alias="")


class MalformedQueryError(Exception):
    """Not a query with one question; no answer but FORMERR is right."""


def parse(packet: bytes) -> Question:
    """MalformedQueryError when the packet is no query with exactly one question."""
    try:
        ident, flags, questions, _, _, additional = _HEADER.unpack_from(packet)
        if flags & 0xF800 or questions != 1:
            raise MalformedQueryError("not a standard query with one question")
        labels = []
        at = _HEADER.size
        while length := packet[at]:
            if length > 63 or at + 1 + length > len(packet):
                raise MalformedQueryError("bad label")
            labels.append(packet[at + 1 : at + 1 + length])
            at += 1 + length
        end = at + 5
        kind, _ = struct.unpack_from("!HH", packet, at + 1)
    except (struct.error, IndexError) as error:
        raise MalformedQueryError("truncated query") from error
    name = b".".join(labels).decode("ascii", "replace").lower() + "."
    size = _offered_size(packet, end, additional)
    return Question(
        ident,
        bool(flags & 0x0100),
        name,
        kind,
        packet[_HEADER.size : end],
        max(MAX_UDP, min(MAX_EXTENDED, size)),
        extended=size > 0,
    )


def _offered_size(packet: bytes, at: int, additional: int) -> int:
    """The payload size of an EDNS OPT record that follows the question directly (RFC 6891); 0 without one."""
    if additional and len(packet) >= at + 11 and packet[at] == 0 and packet[at + 1 : at + 3] == b"\x00\x29":
        return max(1, int.from_bytes(packet[at + 3 : at + 5], "big"))
    return 0


def respond(question: Question, packed: Packed, *, authoritative: bool = True, udp: bool = True) -> bytes:
    """The whole answer; over UDP one that is too long is cut to its header with the TC bit, so that the client asks by TCP."""
    flags = 0x8080 | (0x0400 if authoritative else 0) | (0x0100 if question.recursion else 0) | packed.rcode
    option = _OPT if question.extended else b""
    size = _HEADER.size + len(question.raw) + len(packed.body) + len(option)
    if udp and size > question.udp_size:
        return _HEADER.pack(question.id, flags | _FLAG_TC, 1, 0, 0, len(option) > 0) + question.raw + option
    counts = (1, packed.answers, packed.authority, packed.additional + (len(option) > 0))
    return _HEADER.pack(question.id, flags, *counts) + question.raw + packed.body + option


@dataclass
class Answers:
    """The packed answers of one state of the cluster's names; `outside` tells the caller to forward."""

    names: Names
    serial: int = 1
    _memo: dict[tuple[str, int], Packed] = field(default_factory=dict)

    def outside(self, name: str) -> bool:
        """Whether the name is none of the cluster's; reverse names count as ours when we know them."""
        inside = name == f"{self.names.domain}." or name.endswith(f".{self.names.domain}.")
        return not inside and name not in self.names.records

    def answer(self, name: str, kind: int) -> Packed:
        key = (name, kind)
        found = self._memo.get(key)
        if found is None:
            found = self._pack(name, kind)
            if len(self._memo) < 20_000:
                self._memo[key] = found
        return found

    def _pack(self, name: str, kind: int) -> Packed:
        records = self.names.look_up(name)
        if records is None:
            return self._nothing(RCODE.NXDOMAIN)
        wanted = [r for r in records if kind in (QTYPE.ANY, getattr(QTYPE, r.type)) or r.type == "CNAME"]
        if not wanted:
            return self._nothing(RCODE.NOERROR)
        chain, alias = self._follow(wanted, kind)
        extra = [
            RR(r.data[3], getattr(QTYPE, target.type), ttl=TTL, rdata=_rdata(target))
            for r in wanted
            if isinstance(r.data, tuple)
            for target in self.names.look_up(r.data[3]) or ()
            if target.type in ("A", "AAAA")
        ]
        main = b"".join(_pack_at_question(record) for record in wanted)
        rest = b"".join(_pack(rr) for rr in (*chain, *extra))
        return Packed(RCODE.NOERROR, len(wanted) + len(chain), 0, len(extra), main + rest, alias)

    def _follow(self, records: list[Record], kind: int) -> tuple[list[RR], str]:
        """Where an alias leads when an address is asked: the records on the way, and the name where it leaves the cluster."""
        found: list[RR] = []
        for _ in range(_LONGEST_CHAIN):
            target = next((str(record.data) for record in records if record.type == "CNAME"), "")
            if not target or kind not in (QTYPE.A, QTYPE.AAAA):
                return found, ""
            if self.outside(target):
                return found, target
            records = [
                r for r in self.names.look_up(target) or () if r.type == "CNAME" or kind == getattr(QTYPE, r.type)
            ]
            found += [RR(target, getattr(QTYPE, r.type), ttl=TTL, rdata=_rdata(r)) for r in records]
        return found, ""

    def _nothing(self, rcode: int) -> Packed:
        domain = self.names.domain
        soa = SOA(f"ns.dns.{domain}.", f"hostmaster.{domain}.", (self.serial, 7200, 1800, 86400, TTL))
        return Packed(rcode, 0, 1, 0, _pack(RR(f"{domain}.", QTYPE.SOA, ttl=TTL, rdata=soa)))


def _rdata(record: Record) -> object:
    makers = {"A": A, "AAAA": AAAA, "CNAME": CNAME, "PTR": PTR, "TXT": TXT}
    if isinstance(record.data, tuple):
        priority, weight, port, target = record.data
        return SRV(priority, weight, port, target)
    return makers[record.type](record.data)


class _PlainBuffer(DNSBuffer):  # type: ignore[misc]  # dnslib has no types
    """Writes every name in full: a packed answer is joined to questions of different lengths, pointers would go astray."""

    def encode_name(self, name: object) -> None:
        self.encode_name_nocompress(name)


def _pack(rr: RR) -> bytes:
    buffer = _PlainBuffer()
    rr.pack(buffer)
    return bytes(buffer.data)


def _pack_at_question(record: Record) -> bytes:
    """A record whose owner is the question's name: a pointer to offset 12, then what a root-owned record packs to."""
    rr = RR(".", getattr(QTYPE, record.type), ttl=TTL, rdata=_rdata(record))
    return b"\xc0\x0c" + _pack(rr)[1:]
