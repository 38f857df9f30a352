"""Sealed rows in one SQLite file: a drawer and a key name a row.

Contract: what `write` was given is on the disk when it returns, all or nothing.  A file that cannot be read is put aside and
an empty one begun: what is kept is a copy, the API has the original.

Cards wear: the log of writes (WAL) is appended to, one fsync for all that is written together, and the file itself is
touched once in a thousand pages.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.keeping.sealing import Seal, Unreadable

log = logging.getLogger(__name__)

Row = tuple[str, str, bytes | None]
"""Drawer, key, content; None takes the row away."""
TABLE = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -256;
CREATE TABLE IF NOT EXISTS kept (drawer TEXT, key TEXT, content BLOB, PRIMARY KEY (drawer, key)) WITHOUT ROWID;
"""


class Shelf:
    """Called from any thread."""

    def __init__(self, path: Path, seal: Seal) -> None:
        self._path, self._seal = path, seal
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self._open()
            for _ in self.rows():  # every row opens, or the file is of no use
                pass
        except (sqlite3.DatabaseError, Unreadable) as error:
            self._begin_anew(error)

    def rows(self) -> Iterator[tuple[str, str, bytes]]:
        """All of it: drawer, key, content."""
        for drawer, key, content in self._file.execute("SELECT drawer, key, content FROM kept"):
            yield drawer, key, self._seal.open(content)

    def read(self, drawer: str) -> dict[str, bytes]:
        rows = self._file.execute("SELECT key, content FROM kept WHERE drawer = ?", (drawer,))
        return {key: self._seal.open(content) for key, content in rows}

    def read_one(self, drawer: str, key: str) -> bytes | None:
        found = self._file.execute("SELECT content FROM kept WHERE drawer = ? AND key = ?", (drawer, key)).fetchone()
        return self._seal.open(found[0]) if found else None

    def write(self, rows: Iterable[Row]) -> None:
        """OSError when the disk does not take it."""
        try:
            with self._writing, self._file:
                self._put(rows)
        except sqlite3.OperationalError as error:
            raise OSError(f"{self._path}: {error}") from error

    def _put(self, rows: Iterable[Row]) -> None:
        for drawer, key, content in rows:
            if content is None:
                self._file.execute("DELETE FROM kept WHERE drawer = ? AND key = ?", (drawer, key))
            else:
                row = (drawer, key, self._seal.close(content))
                self._file.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", row)

    def close(self) -> None:
        with self._writing:
            self._file.close()

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, check_same_thread=False)
        file.executescript(TABLE)
        return file

    def _begin_anew(self, error: Exception) -> None:
        log.warning("what was kept cannot be read, begun anew file=%s error=%s", self._path, error)
        for path in files(self._path):
            path.replace(path.with_name(f"{path.name}.damaged"))
        self._file = self._open()


def files(path: Path) -> Iterator[Path]:
    """The file with its log and index, as far as they are there."""
    return (each for suffix in ("", "-wal", "-shm") if (each := path.with_name(path.name + suffix)).exists())
