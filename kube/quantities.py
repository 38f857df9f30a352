"""Quantities, such as `500m`, `1.5Gi` or `1e3`: exact arithmetic, comparison and Kubernetes' canonical text.

A quantity is kept as a whole number of nano-units, the smallest step the API knows; what is smaller is rounded up to it.
The suffix family (`Ki`, `k`, `e3`) is remembered, because the canonical text keeps it: `1536Mi`, never `1610612736`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, total_ordering

NANO = 10**9
MAXIMUM = (2**63 - 1) * NANO

WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
WRONG_SUFFIX = "unable to parse quantity's suffix"

BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY_BY_POWER = {power: suffix for suffix, power in BINARY.items()} | {0: ""}
DECIMAL_BY_POWER = {power: suffix for suffix, power in DECIMAL.items()}

_SHAPE = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)
# 10^30 nano-units exceed what any quantity may hold, so a larger exponent need not be computed.
_EXPONENT_LIMIT = 64
# A decimal of so few digits is kept beyond the maximum: `100E`.
_KEPT_DIGITS = 18
# Far beyond any amount; turning millions of digits into a number would hold up everybody else.
_LONGEST = 256


class Format(Enum):
    """The family a quantity's suffix belongs to."""

    DECIMAL = "DecimalSI"
    BINARY = "BinarySI"
    EXPONENT = "DecimalExponent"


@total_ordering
@dataclass(frozen=True, slots=True)
class Quantity:
    """An exact amount; compare, add and subtract freely, `str()` is the canonical text."""

    nanos: int
    format: Format = Format.DECIMAL

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero: `1500m` is 2."""
        return _round_away(self.nanos, NANO)

    @property
    def milli_value(self) -> int:
        """Thousandths, rounded away from zero: `0.5` is 500."""
        return _round_away(self.nanos, NANO // 1000)

    def rounded_to_milli(self) -> Quantity:
        """The precision that resource lists keep."""
        return Quantity(self.milli_value * (NANO // 1000), self.format)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __str__(self) -> str:
        whole = self.nanos % NANO == 0
        if self.format is Format.BINARY and whole and abs(self.nanos) >= 1024 * NANO:
            return _binary_text(self.nanos // NANO)
        return _decimal_text(self.nanos, self.format is Format.EXPONENT)


@lru_cache(maxsize=4096)
def parse(text: str) -> Quantity:
    """The quantity of a text; ValueError with upstream's words when it is none."""
    if len(text) > _LONGEST:
        raise ValueError(f"quantities must have at most {_LONGEST} characters, not {len(text)}")
    match = _SHAPE.fullmatch(text)
    if not match or not text:
        raise ValueError(WRONG_FORMAT)
    sign, whole, fraction, suffix = match.groups(default="")
    format_, base, exponent = _interpret(suffix)
    scale = len(fraction)
    digits = int((whole + fraction) or "0")
    nanos = _scaled(digits * NANO, base, exponent, scale)
    if nanos > MAXIMUM and (base == 2 or len(whole + fraction) > _KEPT_DIGITS):
        nanos = MAXIMUM
    if format_ is Format.BINARY and 0 < nanos < NANO:
        format_ = Format.DECIMAL
    return Quantity(-nanos if sign == "-" else nanos, format_)


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The text kube-apiserver would answer: `1000m` → `1`, `1.5Gi` → `1536Mi`."""
    return str(parse(text))


@lru_cache(maxsize=4096)
def canonical_resource(text: str) -> str:
    """Canonical as in a resource list, which keeps thousandths: `100u` → `1m`."""
    return str(parse(text).rounded_to_milli())


def value(text: str) -> int:
    return parse(text).value


def milli_value(text: str) -> int:
    return parse(text).milli_value


def _interpret(suffix: str) -> tuple[Format, int, int]:
    """Family, base and exponent of a suffix."""
    if suffix in DECIMAL:
        return Format.DECIMAL, 10, DECIMAL[suffix]
    if suffix in BINARY:
        return Format.BINARY, 2, BINARY[suffix]
    match = _EXPONENT.fullmatch(suffix)
    if not match:
        raise ValueError(WRONG_SUFFIX)
    exponent = int(match[1][:12])
    return Format.EXPONENT, 10, max(-_EXPONENT_LIMIT, min(_EXPONENT_LIMIT, exponent))


def _scaled(number: int, base: int, exponent: int, scale: int) -> int:
    """number x base^exponent / 10^scale, rounded up."""
    if exponent >= 0:
        number *= base**exponent
        exponent = 0
    divisor: int = 10**scale * base**-exponent
    return -(-number // divisor)


def _round_away(number: int, divisor: int) -> int:
    return -(number // -divisor) if number >= 0 else number // divisor


def _binary_text(units: int) -> str:
    power = 0
    while power < 60 and units % 1024 == 0:
        units //= 1024
        power += 10
    return f"{units}{BINARY_BY_POWER[power]}"


def _decimal_text(nanos: int, exponent_form: bool) -> str:
    """The largest power of a thousand that leaves a whole number."""
    if not nanos:
        return "0"
    power = -9
    while nanos % 1000 == 0 and (power < 18 or exponent_form):
        nanos //= 1000
        power += 3
    if exponent_form:
        return f"{nanos}e{power}" if power else str(nanos)
    return f"{nanos}{DECIMAL_BY_POWER[power]}"
