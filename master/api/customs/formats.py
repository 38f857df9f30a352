"""The formats a structural schema can ask of a text: a table from their names to tests; others are not checked."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

from kube import names

Test = Callable[[str], bool]


def _matches(pattern: str) -> Test:
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    return lambda text: compiled.fullmatch(text) is not None


def _parses(parse: Callable[[str], object]) -> Test:
    def test(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return test


def _uri(text: str) -> None:
    found = urlsplit(text)
    if not (found.scheme or text.startswith("/")):
        raise ValueError("neither absolute nor a path")


def _base64(text: str) -> None:
    base64.b64decode(text, validate=True)


def _uuid(version: str) -> Test:
    return _matches(f"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{version}[0-9a-f]{{3}}-?[0-9a-f]{{4}}-?[0-9a-f]{{12}}")


_TIME = (
    r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])t([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(z|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
_DURATION = r"[+-]?(\d+(\.\d*)?|\.\d+)\s*(ns|us|µs|μs|ms|s|m|h|nano\w*|micro\w*|milli\w*|sec\w*|min\w*|hours?|days?|weeks?|[dw])"

FORMATS: dict[str, Test] = {
    "bsonobjectid": _matches("[0-9a-f]{24}"),
    "byte": _parses(_base64),
    "cidr": _parses(lambda text: ipaddress.ip_network(text, strict=False) if "/" in text else int("no")),
    "date": _parses(date.fromisoformat),
    "date-time": _matches(_TIME),
    "datetime": _matches(_TIME),
    "duration": _matches(f"({_DURATION})+"),
    "email": _matches(r"[^@\s]+@[^@\s]+"),
    "hexcolor": _matches("#?([0-9a-f]{3}|[0-9a-f]{6})"),
    "hostname": _matches(r"(?=.{1,255}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?"),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "k8s-long-name": lambda text: not names.dns1123_subdomain(text),
    "k8s-short-name": lambda text: not names.dns1123_label(text),
    "mac": _matches(r"([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-][0-9a-f]{2}[:-])?[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}"),
    "rgbcolor": _matches(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)"),
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "uri": _parses(_uri),
    "uuid": _uuid("[0-9a-f]"),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4"),
    "uuid5": _uuid("5"),
}
