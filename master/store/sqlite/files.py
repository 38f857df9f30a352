"""The SQLite store's files: who may open them, how they are made, and what each connection is told.

A store is refused by name, and nothing of it changed, when another process holds it, when it is another program's file,
or when a newer version has written it.  A new file is made under another name first, so that a crash leaves no half store.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

import apsw

from kube.files import sync_folder
from master.store.contract import StoreFileError
from master.store.sqlite.rows import SCHEMA

APPLICATION_ID = 0x77687279  # "whry"
SCHEMA_VERSION = 1
PAGE_SIZE = 4096


class FileLock:
    """Held as long as the process lives or until `release`; the file stays, so that its name always means one lock."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFileError(f"store {path.with_suffix('')} cannot be locked: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            store = path.with_suffix("")
            raise StoreFileError(f"store {store} is in use by process {holder or 'unknown'}") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        os.close(self._file)


def check_file(path: Path) -> None:
    """Reads the header's own bytes (https://sqlite.org/fileformat2.html), so that looking changes nothing."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise StoreFileError(f"{path} is not a wherry store: it is not an SQLite file")
    (schema,) = struct.unpack(">I", header[60:64])
    (application,) = struct.unpack(">I", header[68:72])
    if application != APPLICATION_ID:
        raise StoreFileError(f"{path} is not a wherry store: another program's SQLite file")
    if schema > SCHEMA_VERSION:
        raise StoreFileError(
            f"{path} has schema {schema}, written by a newer wherry; this one knows {SCHEMA_VERSION} and older"
        )


def create_file(path: Path) -> None:
    """The marks that `check_file` reads are written before WAL mode, so that they are in the file itself."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    connection = apsw.Connection(str(fresh))
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA synchronous=EXTRA")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute(f"BEGIN;{SCHEMA}COMMIT")
    connection.close()
    fresh.chmod(0o600)
    fresh.rename(path)
    sync_folder(path.parent)


def connect(path: Path) -> apsw.Connection:
    """To a file that exists."""
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)


def connect_writer(path: Path, quota: int | None) -> apsw.Connection:
    """`quota` bounds the file in bytes.  Checkpoints are `tidying`'s."""
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-2048; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216")
    if quota is not None:
        connection.execute(f"PRAGMA max_page_count={max(1, quota // PAGE_SIZE)}")
    return connection


def connect_reader(path: Path) -> apsw.Connection:
    connection = connect(path)
    connection.execute("PRAGMA query_only=ON; PRAGMA cache_size=-2048")
    return connection
