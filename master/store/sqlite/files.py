"""The SQLite store's files: who may open them, how they are made, and what each connection is told.

A store is refused by name, and nothing of it changed, when another process holds it, when it is another program's file,
or when a newer version has written it.  A new file is made under another name first, so that a crash leaves no half store.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from kube.files import sync_folder
from master.store.contract import StoreFileError
from master.store.dumps import State
from master.store.index import revision_of
from master.store.sqlite.rows import GRANT, INSERT, MARK_COMPACTED, SCHEMA, columns_of

APPLICATION_ID = 0x77687279  # "whry"
SCHEMA_VERSION = 1
PAGE_SIZE = 4096
EMPTY = State()
LOST_SECTORS = (
    *(apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ),
    *(apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS),
)


class TornFileError(StoreFileError):
    """The file does not hold what was written to it; the text says what was found."""


def is_damage(error: apsw.Error) -> bool:
    """Whether the disk does not hold what was written, as opposed to not answering now."""
    if isinstance(error, apsw.IOError):
        return getattr(error, "extendedresult", 0) in LOST_SECTORS
    return isinstance(error, apsw.CorruptError | apsw.NotADBError)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """SQLite's errors while a store is opened, as the store's."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        if isinstance(error, apsw.Error) and is_damage(error):
            raise TornFileError(str(error)) from error
        raise StoreFileError(f"store {path} cannot be opened: {error}") from error


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
    """Reads the header's own bytes (https://sqlite.org/fileformat2.html), so that looking changes nothing.

    TornFileError where there is no header at all: no other program's file begins so.
    """
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not any(header):
        raise TornFileError("it has no header")
    if not header.startswith(b"SQLite format 3\0"):
        raise StoreFileError(f"{path} is not a wherry store: it is not an SQLite file")
    (schema,) = struct.unpack(">I", header[60:64])
    (application,) = struct.unpack(">I", header[68:72])
    if application != APPLICATION_ID:
        raise StoreFileError(f"{path} is not a wherry store: another program's SQLite file")
    if schema > SCHEMA_VERSION:
        raise StoreFileError(
            f"{path} has schema {schema}, written by a newer wherry; this one knows {SCHEMA_VERSION} and older"
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A new file beside its place, on the disk; `revision` is that of its newest row."""

    path: Path
    revision: int


def create_file(path: Path, state: State = EMPTY, beyond: int = 0) -> None:
    """With a state in it (see `draft_file`).  There is either the whole file or none."""
    draft_file(path, state, beyond).path.rename(path)
    sync_folder(path.parent)


def draft_file(path: Path, state: State, beyond: int = 0) -> Draft:
    """Ready to be renamed to `path`; what goes wrong while `state` is read leaves nothing.

    The state's past is marked as compacted, and the store goes on `beyond` revisions after it.  The marks that
    `check_file` reads are written before WAL mode, so that they are in the file itself.
    """
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    connection = apsw.Connection(str(draft))
    try:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA synchronous=EXTRA")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}")
        with connection:
            revision = _fill(connection, state, beyond)
    except BaseException:
        connection.close()
        draft.unlink()
        raise
    connection.close()
    draft.chmod(0o600)
    return Draft(draft, revision)


def _fill(connection: apsw.Connection, state: State, beyond: int) -> int:
    connection.execute(SCHEMA)
    connection.executemany(INSERT, map(columns_of, state.rows))
    connection.executemany(GRANT, state.leases.items())
    revision = max(state.revision, revision_of(connection.execute("SELECT max(number) FROM log").get or 0))
    if revision + beyond > EMPTY.revision:
        connection.execute(MARK_COMPACTED, (revision + beyond,))
    return revision


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
