"""A device while it is written: past the page cache where it can be, its first chunk last, everything read back.

How it works.  The first chunk, which holds the partition table, is kept in memory and its place overwritten with zeros, so
that a card that was interrupted does not boot.  Of every run written a digest is kept; reading back compares with these.
A card that claims more room than it has answers with other bytes, and is found so.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from provisioning.flashing.pieces import CHUNK, NOTHING, Data, FlashError, Piece, cut

SECTOR = 512
BLKZEROOUT, BLKFLSBUF = 0x127F, 0x1261
PUNCH_HOLE = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
GONE = (errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.EIO)

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Written:
    """A run on the card; an empty digest stands for zeros."""

    offset: int
    length: int
    digest: bytes


@dataclass(slots=True)
class Card:
    """One device, opened for nobody else.  FlashError says what went wrong with it."""

    path: str
    head: bytearray = field(default_factory=bytearray)
    """The first chunk, kept back."""
    log: list[Written] = field(default_factory=list)
    done: int = 0
    _file: int = -1
    _buffer: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, CHUNK))

    def __enter__(self) -> Card:
        self._file = _open(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def blank(self) -> None:
        """No partition table from here on: what is interrupted does not boot."""
        self._write(0, NOTHING)

    def put(self, piece: Piece) -> None:
        """Write a piece; what of it belongs to the first chunk is kept."""
        end = piece.offset + piece.length
        if piece.offset < CHUNK:
            self._keep(cut(piece, piece.offset, min(end, CHUNK)))
        if end > CHUNK:
            self._put(cut(piece, max(piece.offset, CHUNK), end))
        self.done += piece.length

    def _keep(self, piece: Piece) -> None:
        content = piece.content if isinstance(piece, Data) else bytes(piece.length)
        self.head.extend(bytes(max(0, piece.offset + piece.length - len(self.head))))
        self.head[piece.offset : piece.offset + piece.length] = content

    def _put(self, piece: Piece) -> None:
        if isinstance(piece, Data):
            self._write(piece.offset, piece.content)
            self.log.append(Written(piece.offset, piece.length, digest(piece.content)))
        else:
            with self._telling(piece.offset):
                zero(self._file, piece.offset, piece.length)
            self.log.append(Written(piece.offset, piece.length, b""))

    def _write(self, offset: int, content: bytes) -> None:
        """From memory that begins where a page does, as direct I/O asks; a last odd sector is filled with zeros."""
        length = -(-len(content) // SECTOR) * SECTOR
        self._buffer[: len(content)] = content
        self._buffer[len(content) : length] = bytes(length - len(content))
        with self._telling(offset), memoryview(self._buffer) as view:
            done = 0
            while done < length:
                done += os.pwrite(self._file, view[done:length], offset + done)

    def flush(self) -> None:
        """Everything on the medium, and nothing of it remembered by the kernel."""
        with self._telling(self.done):
            os.fsync(self._file)
            if stat.S_ISBLK(os.fstat(self._file).st_mode):
                fcntl.ioctl(self._file, BLKFLSBUF)
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)

    def read_back(self, told: Callable[[int], None]) -> None:
        """Compare all that was written; `told` is given the bytes compared so far."""
        compared = 0
        for row in self.log:
            for at in range(row.offset, row.offset + row.length, CHUNK):
                length = min(CHUNK, row.offset + row.length - at)
                self._compare(at, length, row.digest)
                compared += length
                told(compared)

    def _compare(self, offset: int, length: int, expected: bytes) -> None:
        found = self._read(offset, length)
        if (digest(found) != expected) if expected else (found != NOTHING[:length]):
            raise FlashError(
                f"{self.path}: what was written at byte {offset} reads back otherwise: the card is worn out, "
                "or has less room than it claims (counterfeit)"
            )

    def _read(self, offset: int, length: int) -> bytes:
        whole = -(-length // SECTOR) * SECTOR
        with self._telling(offset), memoryview(self._buffer) as view:
            done = 0
            while done < whole and (part := os.preadv(self._file, [view[done:whole]], offset + done)):
                done += part
        return self._buffer[: min(done, length)]

    def finish(self) -> None:
        """The first chunk, its first sector after all the rest: from here on the card boots."""
        for begin, end in ((SECTOR, len(self.head)), (0, SECTOR)):
            self._write(begin, bytes(self.head[begin:end]))
            self.flush()
        if self._read(0, len(self.head)) != self.head:
            raise FlashError(f"{self.path}: its first sectors read back otherwise than they were written")

    @contextmanager
    def _telling(self, offset: int) -> Iterator[None]:
        """The kernel's errors as one sentence."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise FlashError(f"{self.path} is full at byte {offset}: the image needs a larger one") from error
            if error.errno in GONE:
                raise FlashError(f"{self.path} vanished or failed at byte {offset}: {error.strerror}") from error
            raise FlashError(f"{self.path}: {error.strerror} at byte {offset}") from error


def digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=8).digest()


def zero(descriptor: int, offset: int, length: int) -> None:
    """Zeros in the quickest way that the device knows: the kernel's own for devices, a hole in a file."""
    if stat.S_ISBLK(os.fstat(descriptor).st_mode):
        fcntl.ioctl(descriptor, BLKZEROOUT, struct.pack("QQ", offset, length))
    elif libc.fallocate(descriptor, PUNCH_HOLE, ctypes.c_long(offset), ctypes.c_long(length)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _open(path: str) -> int:
    """Alone and past the page cache; on file systems without direct I/O (tmpfs) through it."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if stat.S_ISBLK(Path(path).stat().st_mode) else 0)
    try:
        return os.open(path, flags | os.O_DIRECT)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise FlashError(f"{path} is in use: something has it mounted or open for itself") from error
        if error.errno != errno.EINVAL:
            raise FlashError(f"{path} cannot be opened for writing: {error.strerror}") from error
        return os.open(path, flags)
