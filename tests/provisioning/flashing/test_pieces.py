"""Images as pieces: runs of zeros, block maps, and what is wrong with a map."""

from __future__ import annotations

import hashlib

import pytest

from provisioning.flashing.bmaps import checked, parse
from provisioning.flashing.pieces import BLOCK, Data, FlashError, Zeros, chunked, mapped, pieces_of

A, B = b"a" * BLOCK, b"b" * BLOCK
EMPTY = bytes(BLOCK)


def test_parts_of_any_size_become_chunks_of_one_size() -> None:
    assert list(chunked([b"ab", b"", b"cdefg", b"h"], 3)) == [b"abc", b"def", b"gh"]


def test_neighbouring_chunks_of_zeros_are_one_run() -> None:
    found = list(pieces_of([A, EMPTY, EMPTY, B, EMPTY]))
    assert found == [Data(0, A), Zeros(BLOCK, 2 * BLOCK), Data(3 * BLOCK, B), Zeros(4 * BLOCK, BLOCK)]


def test_what_a_map_leaves_out_is_no_piece() -> None:
    pieces = [Data(0, A + B), Zeros(2 * BLOCK, 4 * BLOCK)]
    ranges = [(BLOCK, 3 * BLOCK), (4 * BLOCK, 5 * BLOCK)]
    assert list(mapped(pieces, ranges)) == [
        Data(BLOCK, B),
        Zeros(2 * BLOCK, BLOCK),
        Zeros(4 * BLOCK, BLOCK),
    ]


def bmap(checksum: str = "", last: int = 1) -> bytes:
    return f"""<?xml version="1.0" ?><bmap version="2.0"><ImageSize> {4 * BLOCK} </ImageSize>
    <BlockSize> {BLOCK} </BlockSize><ChecksumType> sha256 </ChecksumType>
    <BlockMap><Range chksum="{checksum}"> 0-{last} </Range></BlockMap></bmap>""".encode()


def test_a_block_map_is_read() -> None:
    blocks = parse(bmap("00"))
    assert (blocks.size, blocks.kind, blocks.mapped_bytes) == (4 * BLOCK, "sha256", 2 * BLOCK)


def test_a_range_that_is_what_its_checksum_says() -> None:
    good = hashlib.sha256(A + B).hexdigest()
    assert list(checked([Data(0, A + B + A)], parse(bmap(good)))) == [Data(0, A + B)]


@pytest.mark.parametrize(
    ("map_", "pieces", "says"),
    [
        pytest.param(bmap("00" * 32), [Data(0, A + B)], "differs from its .bmap at byte 0", id="another image"),
        pytest.param(bmap(last=3), [Data(0, A)], "truncated", id="cut off"),
        pytest.param(b"<bmap>", [], "cannot be read", id="no XML"),
        pytest.param(bmap().replace(b"sha256", b"crc9"), [], "unknown kind crc9", id="unknown checksums"),
    ],
)
def test_what_is_wrong_with_a_map(map_: bytes, pieces: list[Data], says: str) -> None:
    with pytest.raises(FlashError, match=says):
        list(checked(pieces, parse(map_)))
