"""What a certificate says, read with the standard library: an X.509 certificate (RFC 5280) is DER, walked here.

Nothing is verified: TLS does that.  This is for telling people which date, name or authority is wrong.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

COMMON_NAME, SUBJECT_ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x1d\x11"
SEQUENCE, BITS, OCTETS, OBJECT, UTC_TIME, EXPLICIT_0, EXPLICIT_3 = 0x30, 0x03, 0x04, 0x06, 0x17, 0xA0, 0xA3
DNS_NAME, IP_NAME = 0x82, 0x87


@dataclass(frozen=True, slots=True)
class Certificate:
    """`issuer` and `subject` as their common names; `names` are the host names and addresses it is for."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: frozenset[str]


def read(text: str) -> Certificate:
    """The first certificate of a PEM text; ValueError when there is none that can be read."""
    begin, end = text.find("-----BEGIN CERTIFICATE"), text.find("-----END CERTIFICATE")
    if begin < 0 or end < 0:
        raise ValueError("no certificate in it")
    try:
        return parse(ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----\n"))
    except (IndexError, KeyError) as error:
        raise ValueError(f"the certificate is broken: {error}") from error


def parse(der: bytes) -> Certificate:
    body = _children(_children(der)[0][1])[0][1]
    fields = [row for row in _children(body) if row[0] != EXPLICIT_0]
    _serial, _algorithm, issuer, validity, subject, _key, *rest = fields
    not_before, not_after = (_time(*row) for row in _children(validity[1]))
    extensions = next((content for tag, content in rest if tag == EXPLICIT_3), b"")
    return Certificate(_common_name(subject[1]), _common_name(issuer[1]), not_before, not_after, _names(extensions))


def _children(data: bytes) -> list[tuple[int, bytes]]:
    return list(_walk(data))


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value, one after the other (X.690)."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("the certificate is cut off")
        yield tag, data[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # RFC 5280, 4.1.2.5.1: 50 and above are the century before
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _common_name(name: bytes) -> str:
    for _, part in _walk(name):
        for _, pair in _walk(part):
            (_, kind), (_, value) = _children(pair)
            if kind == COMMON_NAME:
                return value.decode("utf-8", "replace")
    return ""


def _names(extensions: bytes) -> frozenset[str]:
    found: set[str] = set()
    for _, extension in (row for _, rows in _walk(extensions) for row in _walk(rows)):
        (_, kind), *_, (_, value) = _children(extension)
        if kind == SUBJECT_ALTERNATIVE_NAMES:
            for tag, content in _walk(_children(value)[0][1]):
                if tag == IP_NAME:
                    found.add(str(ip_address(content)))
                elif tag == DNS_NAME:
                    found.add(content.decode("ascii", "replace"))
    return frozenset(found)
