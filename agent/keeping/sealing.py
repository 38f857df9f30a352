"""The seal on what is kept: a key of the node, and the cluster whose objects they are.

How it works.  32 random bytes lie in a file of the node that root alone reads.  The box's key is their keyed BLAKE2b hash of
the cluster's authority: what another cluster left on the disk cannot be opened, and without the file nothing can.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from kube.files import write_atomic


class Unreadable(Exception):
    """What is kept is damaged, or was sealed by another."""


class Seal:
    """XSalsa20 and Poly1305, a fresh nonce for each box."""

    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)

    @classmethod
    def of(cls, file: Path, authority: bytes) -> Seal:
        """The node's own, its key made where there is none."""
        if not file.exists():
            write_atomic(file, os.urandom(SecretBox.KEY_SIZE), 0o600)
        key = file.read_bytes()
        return cls(hashlib.blake2b(authority, key=key, digest_size=SecretBox.KEY_SIZE).digest())

    def close(self, plain: bytes) -> bytes:
        return bytes(self._box.encrypt(plain))

    def open(self, sealed: bytes) -> bytes:
        try:
            return self._box.decrypt(sealed)
        except CryptoError as error:
            raise Unreadable("sealed with another key, or damaged") from error
