"""Block maps (bmap-tools, format 1.4 and 2.0): which blocks of an image hold something, and their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from provisioning.flashing.pieces import NOTHING, Data, FlashError, Piece, mapped


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes from `first` up to, not including, `end`; `checksum` is hexadecimal, or empty."""

    first: int
    end: int
    checksum: str


@dataclass(frozen=True, slots=True)
class BlockMap:
    """`kind` is hashlib's name of the checksums."""

    size: int
    kind: str
    ranges: tuple[Range, ...]

    @property
    def mapped_bytes(self) -> int:
        return sum(row.end - row.first for row in self.ranges)


def parse(text: bytes) -> BlockMap:
    """The map in a .bmap file; FlashError when it is none."""
    try:
        root = ElementTree.fromstring(text)
        size, block = (int(root.findtext(name, "")) for name in ("ImageSize", "BlockSize"))
        kind = root.findtext("ChecksumType", "sha1").strip()
        rows = [_range(row, block, size) for row in root.iterfind("BlockMap/Range")]
    except (ElementTree.ParseError, ValueError) as error:
        raise FlashError(f"the .bmap file cannot be read: {error}") from error
    if kind not in hashlib.algorithms_available:
        raise FlashError(f"the .bmap file has checksums of the unknown kind {kind}")
    return BlockMap(size, kind, tuple(sorted(rows, key=lambda row: row.first)))


def _range(row: ElementTree.Element, block: int, size: int) -> Range:
    """`<Range chksum="…">first-last</Range>`, in blocks, both included; one block is written alone."""
    first, _, last = (row.text or "").strip().partition("-")
    checksum = row.get("chksum") or row.get("sha1") or ""
    return Range(int(first) * block, min((int(last or first) + 1) * block, size), checksum)


def checked(pieces: Iterable[Piece], blocks: BlockMap) -> Iterator[Piece]:
    """What is mapped of the pieces; FlashError as soon as a range is not what its checksum says."""
    waiting = iter(blocks.ranges)
    now, digest = next(waiting, None), hashlib.new(blocks.kind)
    for piece in mapped(pieces, [(row.first, row.end) for row in blocks.ranges]):
        yield piece
        for part in _bytes(piece):
            digest.update(part)
        if now and piece.offset + piece.length == now.end:
            if now.checksum and digest.hexdigest() != now.checksum.lower():
                raise FlashError(
                    f"the image differs from its .bmap at byte {now.first}: it is damaged, or of another build"
                )
            now, digest = next(waiting, None), hashlib.new(blocks.kind)
    if now:
        raise FlashError(f"the image ends before byte {now.end}, which its .bmap maps: it is truncated")


def _bytes(piece: Piece) -> Iterator[bytes]:
    if isinstance(piece, Data):
        yield piece.content
        return
    for at in range(0, piece.length, len(NOTHING)):
        yield NOTHING[: min(len(NOTHING), piece.length - at)]
