"""What an image is made of: runs of data and runs of zeros, in ascending order; what no piece covers may stay as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

CHUNK = 1 << 20
"""Bytes of the largest Data; each begins at a multiple of BLOCK."""
BLOCK = 4096
NOTHING = bytes(CHUNK)


class FlashError(Exception):
    """One sentence: what is wrong with an image or a device, and what to do."""


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes at an offset."""

    offset: int
    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Zeros:
    """A run of zero bytes."""

    offset: int
    length: int


Piece = Data | Zeros


def chunked(stream: Iterable[bytes], size: int = CHUNK) -> Iterator[bytes]:
    """The same bytes in parts of exactly `size`, the last one may be shorter."""
    waiting = bytearray()
    for part in stream:
        waiting += part
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def pieces_of(chunks: Iterable[bytes], offset: int = 0) -> Iterator[Piece]:
    """Chunks as pieces; neighbouring chunks of zeros become one run."""
    empty: Zeros | None = None
    for chunk in chunks:
        if chunk == NOTHING[: len(chunk)]:
            empty = Zeros(empty.offset, empty.length + len(chunk)) if empty else Zeros(offset, len(chunk))
        else:
            if empty:
                yield empty
            empty = None
            yield Data(offset, chunk)
        offset += len(chunk)
    if empty:
        yield empty


def mapped(pieces: Iterable[Piece], ranges: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """The parts of pieces that lie in `ranges`: (first byte, byte after the last), ascending and apart."""
    at = 0
    for piece in pieces:
        end = piece.offset + piece.length
        while at < len(ranges) and ranges[at][1] <= piece.offset:
            at += 1
        for first, last in ranges[at:]:
            if first >= end:
                break
            low, high = max(first, piece.offset), min(last, end)
            yield cut(piece, low, high)


def cut(piece: Piece, low: int, high: int) -> Piece:
    """The part of a piece between two offsets inside it."""
    if isinstance(piece, Zeros):
        return Zeros(low, high - low)
    return Data(low, piece.content[low - piece.offset : high - piece.offset])
