"""The store's whole state at one revision as one file: snapshots, `master store export` and backups are made of it.

How it works: a line that names the format, then one zstd frame: a line of JSON (revision and leases), the rows, each a
fixed head with its key and value, an end mark with their number, and the SHA-256 of all that.  A file cut short, or with
one bit changed, is told when its end is read; so whoever reads one uses nothing of it before that.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import orjson
import zstandard

from master.store.log import Row

MAGIC = b"wherry store dump "
VERSION = 1
LONGEST_MAGIC_LINE = 64
ROW = struct.Struct(">qIIqqq")  # number, length of key, length of value, create revision, version, lease
END = -1
LEVEL = 3


class DumpError(Exception):
    """Not a dump, of a newer version, cut short or damaged; the text says which."""


@dataclass(frozen=True, slots=True)
class State:
    """The rows that are alive at `revision`, oldest first, and the leases with their ttl."""

    revision: int = 1
    leases: dict[int, int] = field(default_factory=dict)
    rows: Iterable[Row] = ()


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


def write_dump(state: State, file: BinaryIO) -> int:
    """Returns the number of rows."""
    file.write(MAGIC + b"%d\n" % VERSION)
    count = 0
    with zstandard.ZstdCompressor(LEVEL).stream_writer(file, closefd=False) as packed:
        hashed = _HashingSink(packed)
        hashed.write(orjson.dumps({"revision": state.revision, "leases": list(state.leases.items())}) + b"\n")
        for row in state.rows:
            count += 1
            number, key, value, *numbers = row
            hashed.write(ROW.pack(number, len(key), len(value), *numbers) + key + value)
        hashed.write(ROW.pack(END, 0, 0, count, 0, 0))
        packed.write(hashed.digest())
    return count


def read_dump(file: BinaryIO) -> State:
    """The rows are read while they are asked for; DumpError comes from the last of them at the latest."""
    line = file.readline(LONGEST_MAGIC_LINE)
    if not line.startswith(MAGIC) or not line.endswith(b"\n"):
        raise DumpError("not a dump of a wherry store")
    if line != MAGIC + b"%d\n" % VERSION:
        raise DumpError(f"a dump of version {line[len(MAGIC) :].decode(errors='replace').strip()}; this wherry knows 1")
    source = _HashingSource(zstandard.ZstdDecompressor().stream_reader(file, closefd=False))
    try:
        head = orjson.loads(source.line())
    except (zstandard.ZstdError, orjson.JSONDecodeError) as error:
        raise DumpError(f"the dump is damaged: {error}") from error
    return State(head["revision"], dict(head["leases"]), _rows(source))


def _rows(source: _HashingSource) -> Iterator[Row]:
    count = 0
    try:
        while True:
            number, key_size, value_size, *numbers = ROW.unpack(source.exactly(ROW.size))
            if number == END:
                break
            yield Row(number, source.exactly(key_size), source.exactly(value_size), *numbers)
            count += 1
        whole = numbers[0] == count and source.digest() == source.rest()
    except zstandard.ZstdError as error:
        raise DumpError(f"the dump is damaged: {error}") from error
    if not whole:
        raise DumpError("the dump is damaged: its checksum is wrong")


class _HashingSink:
    def __init__(self, file: Sink) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def digest(self) -> bytes:
        return self._hash.digest()


class _HashingSource:
    PIECE = 1 << 18

    def __init__(self, file: Source) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._held = bytearray()

    def exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            self._fill()
        found = bytes(self._held[:size])
        del self._held[:size]
        self._hash.update(found)
        return found

    def line(self) -> bytes:
        while (end := self._held.find(b"\n")) < 0:
            self._fill()
        return self.exactly(end + 1)

    def rest(self) -> bytes:
        """What follows, unhashed."""
        while piece := self._file.read(self.PIECE):
            self._held += piece
        return bytes(self._held)

    def digest(self) -> bytes:
        return self._hash.digest()

    def _fill(self) -> None:
        piece = self._file.read(self.PIECE)
        if not piece:
            raise DumpError("the dump is cut short")
        self._held += piece
