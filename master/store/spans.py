"""Key ranges as etcd writes them, turned into bounds: [low, high), where high None is unbounded."""

from __future__ import annotations

from typing import NamedTuple

FROM_KEY = b"\0"


class Span(NamedTuple):
    low: bytes
    high: bytes | None

    def holds(self, key: bytes) -> bool:
        return self.low <= key and (self.high is None or key < self.high)


def span(key: bytes, end: bytes | None) -> Span:
    """`end` None is the key alone, b"\\0" everything from `key` on."""
    if end is None:
        return Span(key, key + b"\0")
    return Span(key, None if end == FROM_KEY else end)
