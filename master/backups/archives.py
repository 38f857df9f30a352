"""The envelope of a backup: bytes in chunks, told whole or not at all, sealed by a passphrase where one is given.

How it works: a line names the format and whether it is sealed.  Then chunks, each with its length in front; the last one
is marked as such, so that a file cut short at a chunk's end is told too.  Plain ones end with a SHA-256; sealed ones are
libsodium's secretstream (XChaCha20-Poly1305), its key made of the passphrase by Argon2id with a salt of the file's own.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from nacl import bindings, pwhash, utils
from nacl.exceptions import CryptoError

MAGIC = b"wherry backup "
PLAIN, SEALED = MAGIC + b"1\n", MAGIC + b"1 sealed\n"
LONGEST_LINE = 64
CHUNK = 1 << 18
LENGTH = struct.Struct(">I")
KEY = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
HEADER = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
MESSAGE, FINAL = (
    bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL,
)


class BackupError(Exception):
    """The backup cannot be made, or is refused; the text says why, in one sentence."""


class Wrapping(Protocol):
    def wrap(self, chunk: bytes, last: bool) -> bytes: ...


class Unwrapping(Protocol):
    def unwrap(self, chunk: bytes) -> tuple[bytes, bool]:
        """The bytes, and whether they were the last; BackupError where they are not what was written."""
        ...


def write_archive(content: BinaryIO, file: BinaryIO, passphrase: bytes = b"") -> None:
    file.write(SEALED if passphrase else PLAIN)
    wrapping: Wrapping = _Seal(file, passphrase) if passphrase else _Sum()
    chunk = content.read(CHUNK)
    while True:
        following = content.read(CHUNK)
        wrapped = wrapping.wrap(chunk, not following)
        file.write(LENGTH.pack(len(wrapped)) + wrapped)
        if not following:
            return
        chunk = following


def read_archive(file: BinaryIO, content: BinaryIO, passphrase: bytes = b"") -> None:
    """Into `content`, of which nothing is to be used when BackupError is raised."""
    line = file.readline(LONGEST_LINE)
    if not line.startswith(MAGIC):
        raise BackupError("it is not a backup of a wherry cluster")
    if line not in (PLAIN, SEALED):
        raise BackupError(
            f"it is a backup of format {line[len(MAGIC) :].decode(errors='replace').strip()}, of a newer wherry"
        )
    if line == SEALED and not passphrase:
        raise BackupError("it is sealed: give its passphrase (--passphrase-file)")
    unwrapping: Unwrapping = _Unseal(file, passphrase) if line == SEALED else _Check()
    for chunk in _unwrapped(file, unwrapping):
        content.write(chunk)
    if file.read(1):
        raise BackupError("it is damaged: something follows its end")


def _unwrapped(file: BinaryIO, unwrapping: Unwrapping) -> Iterator[bytes]:
    last = False
    while not last:
        (length,) = LENGTH.unpack(_exactly(file, LENGTH.size))
        if length > 2 * CHUNK:
            raise BackupError("it is damaged: a part of it is too long")
        chunk, last = unwrapping.unwrap(_exactly(file, length))
        yield chunk


def _exactly(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise BackupError("it is cut short")
    return found


class _Sum:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def wrap(self, chunk: bytes, last: bool) -> bytes:
        self._hash.update(chunk)
        return bytes([last]) + chunk + (self._hash.digest() if last else b"")


class _Check:
    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def unwrap(self, chunk: bytes) -> tuple[bytes, bool]:
        last = chunk[:1] == b"\1"
        size = self._hash.digest_size if last else 0
        content = chunk[1 : len(chunk) - size]
        self._hash.update(content)
        if last and chunk[len(chunk) - size :] != self._hash.digest():
            raise BackupError("it is damaged: its checksum is wrong")
        return content, last


class _Seal:
    def __init__(self, file: BinaryIO, passphrase: bytes) -> None:
        salt = utils.random(pwhash.argon2id.SALTBYTES)
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        header = bindings.crypto_secretstream_xchacha20poly1305_init_push(self._state, _key(passphrase, salt))
        file.write(salt + header)

    def wrap(self, chunk: bytes, last: bool) -> bytes:
        tag = FINAL if last else MESSAGE
        sealed: bytes = bindings.crypto_secretstream_xchacha20poly1305_push(self._state, chunk, None, tag)
        return sealed


class _Unseal:
    def __init__(self, file: BinaryIO, passphrase: bytes) -> None:
        salt, header = _exactly(file, pwhash.argon2id.SALTBYTES), _exactly(file, HEADER)
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, _key(passphrase, salt))

    def unwrap(self, chunk: bytes) -> tuple[bytes, bool]:
        try:
            content, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, chunk, None)
        except (CryptoError, ValueError, TypeError) as error:
            raise BackupError("its passphrase is another, or it is damaged") from error
        return content, tag == FINAL


def _key(passphrase: bytes, salt: bytes) -> bytes:
    limits = pwhash.argon2id.OPSLIMIT_INTERACTIVE, pwhash.argon2id.MEMLIMIT_INTERACTIVE
    key: bytes = pwhash.argon2id.kdf(KEY, passphrase, salt, *limits)
    return key
