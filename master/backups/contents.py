"""What is in a backup: who and when, the cluster's keys and settings, and the store's state, as a tar."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import orjson

from kube.files import sync_folder
from kube.layout import Layout
from master.backups.archives import BackupError, write_archive
from master.store.dumps import write_dump
from master.store.sqlite.reading import UNREADABLE, open_state

MANIFEST, STATE = "manifest.json", "state.dump"
FILES = "files/"
SETTINGS = ("etc/wherry/*.toml", "etc/kubernetes/*.conf", "etc/kubernetes/pki/**/*")
SECRETS = ("var/lib/wherry/keys/*.key", "var/lib/wherry/ssh/*")


@dataclass(frozen=True, slots=True)
class Manifest:
    """`authority` is the SHA-256 of the cluster's CA certificate, its identity; `store` the file's place under the root."""

    wherry: str
    authority: str
    made: str
    store: str
    revision: int = 0


def own_version() -> str:
    return version("wherry")


def authority_of(layout: Layout) -> str:
    """Empty where there is no cluster."""
    certificate = layout.pki / "ca.crt"
    return hashlib.sha256(certificate.read_bytes()).hexdigest() if certificate.exists() else ""


def back_up(layout: Layout, store: Path, target: Path, now: datetime, passphrase: bytes = b"") -> Manifest:
    """Beside a running master or without one; `target` is whole and on the disk when it returns."""
    authority = authority_of(layout)
    if not authority or not store.exists():
        raise BackupError(f"there is no cluster under {layout.root}")
    draft = target.with_name(f".{target.name}.new")
    try:
        with tempfile.TemporaryFile(dir=target.parent) as content, _private(draft) as file:
            manifest = _collect(
                layout, store, content, Manifest(own_version(), authority, now.isoformat(), _under(layout, store))
            )
            content.seek(0)
            write_archive(content, file, passphrase)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
    except UNREADABLE as error:
        raise BackupError(f"the store is damaged ({error}); restart the master, which mends it") from error
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)
    return manifest


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _collect(layout: Layout, store: Path, content: BinaryIO, manifest: Manifest) -> Manifest:
    with tarfile.open(fileobj=content, mode="w") as tar, tempfile.TemporaryFile(dir=store.parent) as state:
        with open_state(store) as read:
            manifest = replace(manifest, revision=read.revision)
            write_dump(read, state)
        _add(tar, MANIFEST, io.BytesIO(orjson.dumps(asdict(manifest))), 0o600)
        for path in files(layout):
            with path.open("rb") as file:
                _add(tar, FILES + str(path.relative_to(layout.root)), file, path.stat().st_mode & 0o777)
        _add(tar, STATE, state, 0o600)
    return manifest


def _under(layout: Layout, store: Path) -> str:
    """A place outside the root stays what it is."""
    return str(store.relative_to(layout.root) if store.is_relative_to(layout.root) else store)


def files(layout: Layout) -> Iterator[Path]:
    for pattern in (*SETTINGS, *SECRETS):
        yield from sorted(path for path in layout.root.glob(pattern) if path.is_file())


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = file.seek(0, os.SEEK_END), mode
    file.seek(0)
    tar.addfile(entry, file)
