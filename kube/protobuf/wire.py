"""The protobuf wire: varints, tags and lengths, read from bytes and written to them."""

from __future__ import annotations

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
TRUNCATED = "unexpected EOF"


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number and the position after it; ValueError when cut off or too long."""
    result = shift = 0
    while True:
        if at >= len(data):
            raise ValueError(TRUNCATED)
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise ValueError("proto: integer overflow")


def varint(number: int) -> bytes:
    """A number as the wire has it; a negative one as its two's complement of 64 bits."""
    number &= 0xFFFFFFFFFFFFFFFF
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL = [bytes((number,)) for number in range(0x80)]


def signed(number: int) -> int:
    """The signed 64-bit number of an unsigned one."""
    return number - (1 << 64) if number >= 1 << 63 else number


def signed32(number: int) -> int:
    """The signed 32-bit number in the low half of an unsigned one."""
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low


def tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def chunk(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return tag(number, BYTES) + varint(len(payload)) + payload


def skip(data: bytes, at: int, wire_type: int) -> int:
    """The position after a field that nobody asked for."""
    if wire_type == VARINT:
        return read_varint(data, at)[1]
    if wire_type == BYTES:
        length, at = read_varint(data, at)
        at += length
    elif wire_type == FIXED64:
        at += 8
    elif wire_type == FIXED32:
        at += 4
    else:
        raise ValueError(f"proto: illegal wireType {wire_type}")
    if at > len(data):
        raise ValueError(TRUNCATED)
    return at
