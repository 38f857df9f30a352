"""Where an image comes from: a file or a URL, as it is or compressed, read once and checked while it is read."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import lzma
import os
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from provisioning.flashing.bmaps import BlockMap, checked, parse
from provisioning.flashing.pieces import CHUNK, FlashError, Piece, Zeros, chunked, pieces_of

READ = 256 << 10
URL = ("http://", "https://")
DAMAGED = (EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile)
UNREACHED = (urllib.error.URLError, http.client.HTTPException, TimeoutError)
SECONDS = 60.0
ZSTD_READ = 128
"""A block of zeros takes 4 bytes and gives 128 KiB: what is fed at once bounds what comes out at once."""


@dataclass(slots=True)
class Source:
    """An image to be read once.  `done` and `total` are bytes read of what there is to read; a total of 0 is unknown."""

    where: str
    checksum: str = ""
    """`sha256:HEX` of the file as it lies there."""
    blocks: BlockMap | None = None
    done: int = 0
    total: int = 0
    _undo: ExitStack = field(default_factory=ExitStack)

    @property
    def size(self) -> int:
        """Bytes of the image itself; 0 where only reading it tells."""
        if self.blocks:
            return self.blocks.size
        return 0 if self.compressed or self.remote else Path(self.where).stat().st_size

    @property
    def remote(self) -> bool:
        return self.where.startswith(URL)

    @property
    def compressed(self) -> bool:
        return Path(self.where).suffix in OPENERS

    def pieces(self) -> Iterator[Piece]:
        """The image, in order.  FlashError when it is damaged, cut off or not the one that the checksum names."""
        with self._undo:
            try:
                found = self._sparse() if not (self.compressed or self.remote or self.checksum) else self._stream()
                yield from checked(found, self.blocks) if self.blocks else found
            except DAMAGED as error:
                raise FlashError(f"{self.where} is damaged or cut off: {error or 'it ends early'}") from error
            except UNREACHED as error:
                raise FlashError(f"{self.where} cannot be fetched: {error}") from error

    def _sparse(self) -> Iterator[Piece]:
        """A plain file: its holes are not read."""
        file = self._undo.enter_context(_opened(self.where))
        self.total = size = os.fstat(file.fileno()).st_size
        at = 0
        while at < size:
            begin = _seek(file, at, os.SEEK_DATA, size)
            if begin > at:
                yield Zeros(at, begin - at)
            at = _seek(file, begin, os.SEEK_HOLE, size)
            file.seek(begin)
            yield from pieces_of(chunked(self._read(file, at - begin)), begin)
            self.done = at

    def _read(self, file: IO[bytes], length: int) -> Iterator[bytes]:
        while length > 0 and (part := file.read(min(length, CHUNK))):
            self.done += len(part)
            length -= len(part)
            yield part

    def _stream(self) -> Iterator[Piece]:
        raw = Hashed(self._open(), self)
        unpack = OPENERS.get(Path(self.where).suffix, _parts)
        yield from pieces_of(chunked(unpack(raw)))
        raw.check(self.checksum)

    def _open(self) -> IO[bytes]:
        if not self.remote:
            file = self._undo.enter_context(_opened(self.where))
            self.total = os.fstat(file.fileno()).st_size
            return file
        answer = self._undo.enter_context(urllib.request.urlopen(self.where, timeout=SECONDS))
        self.total = int(answer.headers.get("Content-Length") or 0)
        return answer  # type: ignore[no-any-return]  # a file to read from, by urllib's documentation


class Hashed:
    """A file whose bytes are counted and hashed as they are read, from its beginning on."""

    def __init__(self, file: IO[bytes], source: Source) -> None:
        self.file, self._source, self._digest = file, source, hashlib.sha256()

    def __enter__(self) -> Hashed:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def read(self, size: int = -1) -> bytes:
        part = self.file.read(size)
        self._digest.update(part)
        self._source.done += len(part)
        return part

    def check(self, wanted: str) -> None:
        """FlashError unless the bytes are those that were promised; what was not needed to unpack them counts too."""
        source = self._source
        if isinstance(self.file, BufferedReader) and source.done < source.total:
            self.file.seek(source.done)
        while self.read(READ):
            pass
        if source.total and source.done < source.total:
            raise FlashError(f"{source.where} is cut off after {source.done} of {source.total} bytes")
        if wanted and self._digest.hexdigest() != wanted:
            raise FlashError(
                f"{source.where} is not the image that was meant: its SHA-256 is {self._digest.hexdigest()}"
            )


def _opened(path: str) -> IO[bytes]:
    return Path(path).open("rb")


def _parts(file: IO[bytes] | Hashed) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(READ), b"")


def _xz(raw: Hashed) -> Iterator[bytes]:
    return _parts(lzma.open(cast(IO[bytes], raw)))


def _gz(raw: Hashed) -> Iterator[bytes]:
    return _parts(cast(IO[bytes], gzip.GzipFile(fileobj=cast(IO[bytes], raw), mode="rb")))


def _zstd(raw: Hashed) -> Iterator[bytes]:
    """Frame after frame; EOFError when the last one does not end."""
    import zstandard

    frame = None
    while part := raw.read(ZSTD_READ):
        while part:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(part)
            part, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame:
        raise EOFError("it ends early")


def _zip(raw: Hashed) -> Iterator[bytes]:
    """The only file in it."""
    with zipfile.ZipFile(raw.file) as archive:
        names = [row for row in archive.infolist() if not row.is_dir()]
        if len(names) != 1:
            raise FlashError(f"the archive holds {len(names)} files, not one image: take the image out of it")
        yield from _parts(archive.open(names[0]))


OPENERS: dict[str, Callable[[Hashed], Iterator[bytes]]] = {
    ".xz": _xz,
    ".gz": _gz,
    ".zst": _zstd,
    ".zip": _zip,
}


def open_source(where: str, checksum: str = "") -> Source:
    """The image at a path or URL, with the block map that lies beside a file.  FlashError says what is wrong with it."""
    kind, _, digits = checksum.lower().rpartition(":")
    if checksum and (kind not in ("", "sha256") or len(digits) != 64 or set(digits) - set("0123456789abcdef")):
        raise FlashError(f"{checksum} is no checksum: write sha256: and 64 hexadecimal digits")
    if where.startswith(URL):
        if not checksum:
            raise FlashError("an image from the network needs --checksum sha256:...")
        if where.endswith(".zip"):
            raise FlashError("a .zip cannot be read while it is fetched: download it first")
        return Source(where, digits)
    path = Path(where)
    if not path.is_file():
        raise FlashError(f"{where}: there is no such image file")
    plain = path.with_suffix("") if path.suffix in OPENERS else path
    maps = [
        found for found in (Path(f"{where}.bmap"), Path(f"{plain}.bmap"), plain.with_suffix(".bmap")) if found.is_file()
    ]
    return Source(where, digits, parse(maps[0].read_bytes()) if maps else None)


def _seek(file: IO[bytes], at: int, what: int, size: int) -> int:
    """The next data or hole; where no data follows, the end."""
    try:
        return file.seek(at, what)
    except OSError:  # ENXIO: nothing but a hole from here on
        return size
