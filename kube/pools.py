"""A pool of addresses as people write it: single ones, ranges and networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError


def wrong(texts: Iterable[str]) -> str:
    """What is wrong with the pool; empty when nothing is."""
    for text in texts:
        try:
            if not _ends(text):
                return f"{text}: the last address lies before the first"
        except (AddressValueError, NetmaskValueError, ValueError):
            return f"must be addresses such as 192.0.2.7, 192.0.2.10-192.0.2.20 or 192.0.2.32/28, not {text!r}"
    return ""


def addresses(texts: Iterable[str]) -> Iterator[str]:
    """The pool's addresses in the order in which it names them, each once."""
    seen: set[int] = set()
    for text in texts:
        first, last = _ends(text) or (1, 0)
        for number in range(first, last + 1):
            if number not in seen:
                seen.add(number)
                yield str(IPv4Address(number))


def _ends(text: str) -> tuple[int, int] | None:
    first, dash, last = text.partition("-")
    if dash:
        ends = int(IPv4Address(first.strip())), int(IPv4Address(last.strip()))
        return ends if ends[0] <= ends[1] else None
    network = IPv4Network(text)
    return int(network[0]), int(network[-1])
