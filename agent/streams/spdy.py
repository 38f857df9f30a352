"""SPDY/3.1 frames, pure: bytes in, frames out, and back.

What containerd's streaming server and kubectl's fallback speak.  Source: the SPDY Protocol, draft 3.1; the peers here use
no flow control, so WINDOW_UPDATE and SETTINGS are read over.  Header names are lower case on the wire.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NAMES = (
    "options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-"
    "ranges|age|allow|authorization|cache-control|connection|content-base|content-encoding|content-"
    "language|content-length|content-location|content-md5|content-range|content-type|date|etag|expect|"
    "expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-"
    "modified|location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-"
    "after|server|te|trailer|transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|"
    "method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack("!I", len(name)) + name.encode() for name in _NAMES.split("|")) + _TAIL.encode()
"""The dictionary both ends' header compression starts from (draft 3, section 2.6.10.1); its Adler-32 is 0xe3c6a7c2."""

_HEAD = struct.Struct("!II")
_CONTROL = 0x80000000 | 3 << 16
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
FIN = 1
MAX_DATA = 32 << 10
MAX_FRAME = 1 << 20


class SpdyError(Exception):
    """The peer broke the protocol; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class SynStream:
    stream: int
    headers: Mapping[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class SynReply:
    stream: int
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    status: int = 0


Frame = SynStream | SynReply | Data | Reset | Ping | GoAway


@dataclass
class Decoder:
    """One direction of one connection: header compression has a memory."""

    _buffer: bytearray = field(default_factory=bytearray)
    _inflate: zlib._Decompress = field(default_factory=lambda: zlib.decompressobj(zdict=DICTIONARY))

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Every frame that is complete by now."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            word, tail = _HEAD.unpack_from(self._buffer)
            flags, length = tail >> 24, tail & 0xFFFFFF
            if length > MAX_FRAME:
                raise SpdyError(f"frame of {length} bytes")
            if len(self._buffer) < _HEAD.size + length:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
            del self._buffer[: _HEAD.size + length]
            frame = self._control(word, flags, body) if word >> 31 else Data(word, body, bool(flags & FIN))
            if frame is not None:
                yield frame

    def _control(self, word: int, flags: int, body: bytes) -> Frame | None:
        if word >> 16 & 0x7FFF != 3:
            raise SpdyError("not SPDY/3")
        kind, fin = word & 0xFFFF, bool(flags & FIN)
        try:
            first = struct.unpack_from("!I", body)[0] & 0x7FFFFFFF
            if kind == _SYN_STREAM:
                return SynStream(first, self._headers(body[10:]), fin)
            if kind == _SYN_REPLY:
                self._headers(body[4:])
                return SynReply(first, fin)
            if kind == _RST_STREAM:
                return Reset(first, struct.unpack_from("!I", body, 4)[0])
            if kind == _PING:
                return Ping(first)
            if kind == _GOAWAY:
                return GoAway(struct.unpack_from("!I", body, 4)[0])
        except (struct.error, zlib.error) as error:
            raise SpdyError(f"bad frame of type {kind}: {error}") from error
        if kind == 8:  # HEADERS: of no use here, but the compression's memory must see it
            self._headers(body[4:])
        return None

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block, MAX_FRAME)
        (count,) = struct.unpack_from("!I", plain)
        at, words = 4, []
        for _ in range(2 * count):
            (length,) = struct.unpack_from("!I", plain, at)
            words.append(plain[at + 4 : at + 4 + length].decode("utf-8", "replace"))
            at += 4 + length
        return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}


@dataclass
class Encoder:
    """The other direction."""

    _deflate: zlib._Compress = field(default_factory=lambda: zlib.compressobj(zdict=DICTIONARY))

    def encode(self, frame: Frame) -> bytes:
        match frame:
            case Data(stream, data, fin):
                return self._data(stream, data, fin)
            case SynStream(stream, headers, fin):
                return self._frame(_SYN_STREAM, struct.pack("!IIH", stream, 0, 0) + self._headers(headers), fin)
            case SynReply(stream, fin):
                return self._frame(_SYN_REPLY, struct.pack("!I", stream) + self._headers({}), fin)
            case Reset(stream, status):
                return self._frame(_RST_STREAM, struct.pack("!II", stream, status))
            case Ping(ident):
                return self._frame(_PING, struct.pack("!I", ident))
            case GoAway(status):
                return self._frame(_GOAWAY, struct.pack("!II", 0, status))

    def _data(self, stream: int, data: bytes, fin: bool) -> bytes:
        pieces = [data[at : at + MAX_DATA] for at in range(0, len(data), MAX_DATA)] or [b""]
        last = len(pieces) - 1
        return b"".join(
            _HEAD.pack(stream, (FIN if fin and i == last else 0) << 24 | len(piece)) + piece
            for i, piece in enumerate(pieces)
        )

    def _frame(self, kind: int, body: bytes, fin: bool = False) -> bytes:
        return _HEAD.pack(_CONTROL | kind, (FIN if fin else 0) << 24 | len(body)) + body

    def _headers(self, headers: Mapping[str, str]) -> bytes:
        words = [word.encode() for pair in headers.items() for word in pair]
        plain = struct.pack("!I", len(headers)) + b"".join(struct.pack("!I", len(word)) + word for word in words)
        return self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
