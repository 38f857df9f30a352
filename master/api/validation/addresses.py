"""IP addresses and ranges, in the words of the server."""

from __future__ import annotations

import ipaddress

from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object, Rule

BAD_IP = ("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",)
BAD_CIDR = ("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",)


def ip_address(text: str) -> tuple[str, ...]:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return BAD_IP
    return ()


def cidr(text: str) -> tuple[str, ...]:
    """An address and a prefix length; bits below the prefix are allowed."""
    try:
        ipaddress.ip_interface(text if "/" in text else "x")
    except ValueError:
        return BAD_CIDR
    return ()


def family(text: str) -> str:
    """`IPv4`, `IPv6`, or nothing for what is no address."""
    try:
        return f"IPv{ipaddress.ip_address(text).version}"
    except ValueError:
        return ""


def reachable(text: str) -> tuple[str, ...]:
    """What an endpoint may not be: itself, everyone, or nobody."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ("must be a valid IP address",)
    if address.is_unspecified:
        return (f"may not be unspecified ({text})",)
    if address.is_loopback:
        return ("may not be in the loopback range (127.0.0.0/8, ::1/128)",)
    if address.is_link_local:
        return ("may not be in the link-local range (169.254.0.0/16, fe80::/10)",)
    if address.is_multicast:
        return ("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",)
    return ()


def ip_addresses(name: str) -> Rule:
    """The rule for a list of addresses in the field `name`."""

    def rule(obj: Object, at: Path, out: Problems) -> None:
        for index, address in enumerate(obj.get(name) or ()):
            for detail in ip_address(address):
                out.invalid(at / name / index, address, detail)

    return rule
