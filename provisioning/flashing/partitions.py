"""Where the file systems of a card begin: its partition table, MBR or GPT, read from its first bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SECTOR = 512
FAT_TYPES = (0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF)
LINUX_TYPE, GPT_TYPE = 0x83, 0xEE


@dataclass(frozen=True, slots=True)
class Partition:
    """Bytes from the card's beginning, and bytes long."""

    number: int
    offset: int
    length: int


def partitions(head: bytes) -> list[Partition]:
    """The partitions in the table of a card whose first bytes these are; none where there is no table."""
    if len(head) < SECTOR or head[510:512] != b"\x55\xaa":
        return []
    rows = [head[at : at + 16] for at in range(446, 510, 16)]
    if any(row[4] == GPT_TYPE for row in rows):
        return _gpt(head)
    found = [(number, *struct.unpack("<II", row[8:16])) for number, row in enumerate(rows, 1) if row[4]]
    return [Partition(number, first * SECTOR, count * SECTOR) for number, first, count in found]


def _gpt(head: bytes) -> list[Partition]:
    """UEFI 2.10, 5.3: the header lies in the second sector and says where the entries are."""
    header = head[SECTOR : 2 * SECTOR]
    if header[:8] != b"EFI PART":
        return []
    table, count, size = struct.unpack("<QII", header[72:88])
    found = []
    for number in range(count):
        at = table * SECTOR + number * size
        entry = head[at : at + size]
        if len(entry) >= 48 and any(entry[:16]):
            first, last = struct.unpack("<QQ", entry[32:48])
            found.append(Partition(number + 1, first * SECTOR, (last - first + 1) * SECTOR))
    return found
