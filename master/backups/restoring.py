"""A backup brought back: everything that can be refused is refused before anything is written; the store comes last.

How it works: the archive is read to its end first, so what follows is whole.  Keys and settings are written, then the
store's file takes its place at once; a restore cut off before that leaves no store, and is done again.  The store goes on
far beyond every revision of the backup and of what it replaces, so that clients see time go forwards.
"""

from __future__ import annotations

import logging
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from kube.certificates import read_certificate
from kube.files import sync_folder, write_atomic
from kube.layout import Layout
from master.backups.archives import BackupError, read_archive
from master.backups.contents import FILES, MANIFEST, STATE, Manifest, authority_of, own_version
from master.store.dumps import DumpError, read_dump
from master.store.snapshots import snapshots_of
from master.store.sqlite.files import FileLock, draft_file
from master.store.sqlite.reading import UNREADABLE, open_state
from master.store.sqlite.recovery import BEYOND

log = logging.getLogger(__name__)

AUTHORITY = FILES + "etc/kubernetes/pki/ca.crt"
REPLACED = ".replaced-"


@dataclass(frozen=True, slots=True)
class Restoring:
    """`replace` lets the store take the place of one that is there."""

    layout: Layout
    now: datetime
    replace: bool = False


def restore(source: Path, asked: Restoring, passphrase: bytes = b"") -> Manifest:
    """BackupError, or StoreFileError where a master runs, with nothing changed."""
    asked.layout.root.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file, tempfile.TemporaryFile(dir=asked.layout.root) as content:
        read_archive(file, content, passphrase)
        content.seek(0)
        with _opened(content) as tar:
            manifest = _manifest(tar)
            store = asked.layout.root / manifest.store
            _refuse(manifest, _bytes(tar, AUTHORITY), store, asked)
            store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = FileLock(store.with_name(store.name + ".lock"))
            try:
                _bring_back(tar, store, asked)
            finally:
                lock.release()
    return manifest


@contextmanager
def _opened(content: BinaryIO) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(fileobj=content, mode="r:") as tar:
            yield tar
    except (tarfile.TarError, KeyError, DumpError) as error:
        raise BackupError(f"what is in it is not a cluster: {error}") from error


def _manifest(tar: tarfile.TarFile) -> Manifest:
    try:
        return Manifest(**orjson.loads(_bytes(tar, MANIFEST)))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise BackupError(f"its manifest is of another version: {error}") from error


def _refuse(manifest: Manifest, authority: bytes, store: Path, asked: Restoring) -> None:
    if _numbers(manifest.wherry) > _numbers(own_version()):
        raise BackupError(f"it was made by wherry {manifest.wherry}, newer than this one ({own_version()})")
    end = read_certificate(authority).not_after
    if end <= asked.now:
        raise BackupError(f"its authority's certificate ended on {end:%Y-%m-%d}: no node would trust the cluster")
    present = authority_of(asked.layout)
    if present and present != manifest.authority:
        raise BackupError(
            "the keys here are of another cluster, or newer than those of the backup; put them aside first"
        )
    if store.exists() and not asked.replace:
        raise BackupError(f"there is a store already: {store}; --replace puts it aside")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _bring_back(tar: tarfile.TarFile, store: Path, asked: Restoring) -> None:
    state = tar.extractfile(STATE)
    if state is None:
        raise BackupError("what is in it is not a cluster: no state")
    files = {_place(asked.layout, entry.name): entry for entry in tar.getmembers() if _is_file(entry)}
    read = read_dump(state)  # type: ignore[arg-type]  # a file opened for reading, as tarfile calls it
    draft = draft_file(store, read, max(0, _told(store) - read.revision) + BEYOND)
    try:
        for place, entry in files.items():
            write_atomic(place, _bytes(tar, entry.name), entry.mode & 0o777)
        _put_aside(store, asked.now)
        draft.path.rename(store)
    finally:
        draft.path.unlink(missing_ok=True)
    sync_folder(store.parent)


def _told(store: Path) -> int:
    """The newest revision that clients can have seen of the store that is there."""
    newest = snapshots_of(store).newest_revision()
    if not store.exists():
        return newest
    try:
        with open_state(store) as state:
            return max(newest, state.revision)
    except UNREADABLE as error:
        log.warning("the store that is there cannot be read: %s", error)
        return newest


def _put_aside(store: Path, now: datetime) -> None:
    """The store that is there, its WAL and its snapshots."""
    mark = f"{REPLACED}{now:%Y%m%dT%H%M%SZ}"
    for path in (store, store.with_name(store.name + "-wal"), snapshots_of(store).folder):
        if path.exists():
            path.rename(path.with_name(f"{path.name}{mark}"))
    store.with_name(store.name + "-shm").unlink(missing_ok=True)


def _is_file(entry: tarfile.TarInfo) -> bool:
    return entry.name.startswith(FILES) and entry.isfile()


def _place(layout: Layout, name: str) -> Path:
    path = Path(name.removeprefix(FILES))
    if path.is_absolute() or ".." in path.parts:
        raise BackupError(f"what is in it is not a cluster: {name}")
    return layout.root / path


def _bytes(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise BackupError(f"what is in it is not a cluster: {name}")
    return file.read()
