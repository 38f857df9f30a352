"""Whether containerd's metadata is whole: bbolt's file format, its two meta pages and the size they promise.

Source: go.etcd.io/bbolt, page.go and db.go: a page header of 16 bytes, then magic, version, page size, flags, root, sequence,
free list, the highest page, the transaction, and an FNV-1a checksum over what precedes it.
"""

from __future__ import annotations

import struct

HEADER = 16
META = struct.Struct("<IIIIQQQQQQ")
MAGIC = 0xED0CDAED
HEAD = 64 << 10
"""So much of a file tells: the second meta page lies at the page size, at most 64 KiB."""
OFFSET, PRIME = 0xCBF29CE484222325, 0x100000001B3


def problem(head: bytes, size: int) -> str:
    """What is wrong with a file by its first bytes and its size; empty when it is sound."""
    if not size:
        return "is empty"
    metas = [meta for meta in (_meta(head, 0), *(_meta(head, 1 << shift) for shift in range(12, 17))) if meta]
    if not metas:
        return "has no valid meta page"
    page_size, pages, _ = max(metas, key=lambda meta: meta[2])
    promised = page_size * pages
    return f"is cut off: {size} of {promised} bytes" if size < promised else ""


def _meta(head: bytes, at: int) -> tuple[int, int, int] | None:
    """Page size, number of pages and transaction of the meta page at an offset; None where there is none that is valid."""
    raw = head[at + HEADER : at + HEADER + META.size]
    if len(raw) < META.size:
        return None
    magic, _version, page_size, _flags, _root, _sequence, _free, pages, transaction, checksum = META.unpack(raw)
    if magic != MAGIC or checksum != fnv1a(raw[:-8]):
        return None
    return page_size, pages, transaction


def fnv1a(data: bytes) -> int:
    value = OFFSET
    for byte in data:
        value = ((value ^ byte) * PRIME) & 0xFFFFFFFFFFFFFFFF
    return value
