"""What Kubernetes adds: quantities, addresses and networks, URLs and versions."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar
from urllib.parse import SplitResult, parse_qs, urlsplit

from kube import quantities
from master.api.cel.functions.operators import integer
from master.api.cel.overloads import Overload, by_length, overload


@dataclass(frozen=True, slots=True)
class Quantity:
    cel_name: ClassVar[str] = "quantity"
    value: Fraction

    @classmethod
    def read(cls, text: str) -> Quantity:
        return cls(Fraction(quantities.parse(text).nanos, 10**9))


@dataclass(frozen=True, slots=True)
class Address:
    cel_name: ClassVar[str] = "ip"
    value: ipaddress.IPv4Address | ipaddress.IPv6Address

    @classmethod
    def read(cls, text: str) -> Address:
        if "%" in text or text.lower().startswith("::ffff:"):
            raise ValueError(f'IP Address "{text}" parse error: zones and IPv4-mapped addresses are not allowed')
        return cls(ipaddress.ip_address(text))


@dataclass(frozen=True, slots=True)
class Network:
    cel_name: ClassVar[str] = "cidr"
    value: ipaddress.IPv4Interface | ipaddress.IPv6Interface

    @classmethod
    def read(cls, text: str) -> Network:
        if "/" not in text:
            raise ValueError(f'network address parse error: no "/" in "{text}"')
        return cls(ipaddress.ip_interface(text))

    def contains(self, other: Any) -> bool:
        inner, own = other.value, self.value.network
        if inner.version != own.version:
            return False
        if isinstance(other, Network):
            return bool(inner.network.subnet_of(own))
        return inner in own


@dataclass(frozen=True, slots=True)
class Url:
    cel_name: ClassVar[str] = "url"
    value: SplitResult

    @classmethod
    def read(cls, text: str) -> Url:
        found = urlsplit(text)
        if not (found.scheme or text.startswith("/")):
            raise ValueError(f'parse "{text}": invalid URI for request')
        return cls(found)

    def host(self) -> str:
        name = self.value.hostname or ""
        return f"[{name}]" if ":" in name else name


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version (semver.org), in its order."""

    cel_name: ClassVar[str] = "semver"
    numbers: tuple[int, int, int]
    before: tuple[tuple[bool, int, str], ...] = ()

    @classmethod
    def read(cls, text: str) -> Version:
        found = _SEMVER.fullmatch(text)
        if found is None:
            raise ValueError(f'"{text}" is no semantic version')
        major, minor, patch, before = found.groups()
        parts = [
            (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (before or "").split(".") if part
        ]
        return cls((int(major), int(minor), int(patch)), tuple(parts))

    @classmethod
    def tidied(cls, text: str, tidy: bool) -> Version:
        """With `tidy`, of what people write too: `v1.2`, `01.2.3`."""
        if not tidy:
            return cls.read(text)
        numbers, sign, rest = _REST.fullmatch(text.removeprefix("v")).groups()  # type: ignore[union-attr]
        found = [number.lstrip("0") or "0" for number in numbers.split(".")]
        return cls.read(".".join([*found, "0", "0"][: max(3, len(found))]) + sign + rest)

    @property
    def value(self) -> Any:
        """A release comes after all that leads to it."""
        return (self.numbers, not self.before, self.before)


_NUMBER = "(0|[1-9][0-9]*)"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")

_REST = re.compile("([^+-]*)([+-]?)(.*)", re.DOTALL)


def _readable(read: Any) -> Any:
    def run(*given: Any) -> bool:
        try:
            read(*given)
        except ValueError:
            return False
        return True

    return run


def _plain(found: Quantity) -> int:
    if found.value.denominator != 1:
        raise ValueError("cannot convert value to integer")
    return integer(int(found.value))


def _is_plain(found: Quantity) -> bool:
    return found.value.denominator == 1 and -(2**63) <= found.value < 2**63


def _added(one: Quantity, other: Quantity | int) -> Quantity:
    return Quantity(one.value + (other.value if isinstance(other, Quantity) else other))


def _taken(one: Quantity, other: Quantity | int) -> Quantity:
    return Quantity(one.value - (other.value if isinstance(other, Quantity) else other))


def _compared(kind: str) -> tuple[Overload, ...]:
    return (
        overload(f"{kind}->isLessThan({kind}): bool", lambda one, other: one.value < other.value),
        overload(f"{kind}->isGreaterThan({kind}): bool", lambda one, other: one.value > other.value),
        overload(
            f"{kind}->compareTo({kind}): int",
            lambda one, other: (one.value > other.value) - (one.value < other.value),
        ),
    )


QUANTITIES: tuple[Overload, ...] = (
    overload("quantity(string): quantity", Quantity.read),
    overload("isQuantity(string): bool", _readable(Quantity.read)),
    overload("quantity->sign(): int", lambda one: (one.value > 0) - (one.value < 0)),
    overload("quantity->asInteger(): int", _plain),
    overload("quantity->isInteger(): bool", _is_plain),
    overload("quantity->asApproximateFloat(): double", lambda one: float(one.value)),
    overload("quantity->add(quantity): quantity", _added),
    overload("quantity->add(int): quantity", _added),
    overload("quantity->sub(quantity): quantity", _taken),
    overload("quantity->sub(int): quantity", _taken),
    *_compared("quantity"),
    overload("semver(string): semver", Version.read, by_length),
    overload("isSemver(string): bool", _readable(Version.read), by_length),
    overload("semver(string, bool): semver", Version.tidied, by_length),
    overload("isSemver(string, bool): bool", _readable(Version.tidied), by_length),
    overload("semver->major(): int", lambda one: one.numbers[0]),
    overload("semver->minor(): int", lambda one: one.numbers[1]),
    overload("semver->patch(): int", lambda one: one.numbers[2]),
    *_compared("semver"),
)


def _canonical(text: str) -> bool:
    return str(Address.read(text).value) == text


ADDRESSES: tuple[Overload, ...] = (
    overload("ip(string): ip", Address.read, by_length),
    overload("isIP(string): bool", _readable(Address.read), by_length),
    overload("ip.isCanonical(string): bool", _canonical, by_length),
    overload("string(ip): string", lambda one: str(one.value)),
    overload("ip->family(): int", lambda one: one.value.version),
    overload("ip->isUnspecified(): bool", lambda one: one.value.is_unspecified),
    overload("ip->isLoopback(): bool", lambda one: one.value.is_loopback),
    overload("ip->isLinkLocalMulticast(): bool", lambda one: _link_local_multicast(one.value)),
    overload("ip->isLinkLocalUnicast(): bool", lambda one: one.value.is_link_local),
    overload("ip->isGlobalUnicast(): bool", lambda one: _global_unicast(one.value)),
    overload("cidr(string): cidr", Network.read, by_length),
    overload("isCIDR(string): bool", _readable(Network.read), by_length),
    overload("string(cidr): string", lambda one: str(one.value)),
    overload("cidr->ip(): ip", lambda one: Address(one.value.ip)),
    overload("cidr->prefixLength(): int", lambda one: one.value.network.prefixlen),
    overload("cidr->masked(): cidr", lambda one: Network(ipaddress.ip_interface(one.value.network))),
    overload("cidr->containsIP(ip): bool", Network.contains),
    overload("cidr->containsIP(string): bool", lambda one, text: one.contains(Address.read(text)), by_length),
    overload("cidr->containsCIDR(cidr): bool", Network.contains),
    overload("cidr->containsCIDR(string): bool", lambda one, text: one.contains(Network.read(text)), by_length),
)


def _link_local_multicast(address: Any) -> bool:
    return address in ipaddress.ip_network("224.0.0.0/24" if address.version == 4 else "ff02::/16")


def _global_unicast(address: Any) -> bool:
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not special and str(address) != "255.255.255.255"


URLS: tuple[Overload, ...] = (
    overload("url(string): url", Url.read, by_length),
    overload("isURL(string): bool", _readable(Url.read), by_length),
    overload("url->getScheme(): string", lambda one: one.value.scheme),
    overload("url->getHost(): string", lambda one: one.value.netloc.rpartition("@")[2]),
    overload("url->getHostname(): string", Url.host),
    overload("url->getPort(): string", lambda one: str(one.value.port) if one.value.port is not None else ""),
    overload("url->getEscapedPath(): string", lambda one: one.value.path),
    overload(
        "url->getQuery(): map(string, list(string))", lambda one: parse_qs(one.value.query, keep_blank_values=True)
    ),
)
