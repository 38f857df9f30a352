"""Secrets at rest: sealed in upstream's secretbox format, so that kube-apiserver could read them with the same key.

How it works: a stored value is `k8s:enc:secretbox:v1:NAME:`, a nonce of 24 bytes, and the box (XSalsa20 and Poly1305).
NAME is a key file in the state's folder `keys`; the first start makes `key1`.  The last name in order seals, every key
opens; so a new key is a new file and a restart.  A value without the prefix is read as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from kube.layout import Layout
from kube.pki import ensure_secret_key

PREFIX = b"k8s:enc:secretbox:v1:"
SEALED = (b"/registry/secrets/",)
FIRST = "key1"


class SealError(Exception):
    """A sealed value that cannot be opened; the text says which and what is missing."""


class Sealing:
    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Name → 32 bytes; the last in order of name seals."""
        self._boxes = {name.encode(): SecretBox(key) for name, key in sorted(keys.items())}
        self._name, self._box = list(self._boxes.items())[-1]

    def seal(self, key: bytes, data: bytes) -> bytes:
        """What to store under the store's `key`: sealed where the kind is secret, else as it is."""
        if not key.startswith(SEALED):
            return data
        return PREFIX + self._name + b":" + self._box.encrypt(data)

    def open(self, key: bytes, value: bytes) -> bytes:
        """The value in the clear."""
        if not value.startswith(PREFIX):
            return value
        name, _, box = value[len(PREFIX) :].partition(b":")
        if name not in self._boxes:
            raise SealError(f"{key.decode()}: sealed with the key {name.decode()!r}, and there is no such key file")
        try:
            return self._boxes[name].decrypt(box)
        except CryptoError as error:
            raise SealError(f"{key.decode()}: the key {name.decode()!r} does not open it") from error


def build(layout: Layout) -> Sealing:
    """With the keys on disk; the first is made when there is none."""
    folder = layout.state / "keys"
    keys = read_keys(folder)
    return Sealing(keys or {FIRST: ensure_secret_key(folder / f"{FIRST}.key", SecretBox.KEY_SIZE)})


def read_keys(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.key"))}
