"""A store's file read beside its master: the state at one revision, or what a damaged file still holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import apsw

from master.store.contract import DamagedError
from master.store.dumps import State
from master.store.index import revision_of, row_of
from master.store.log import Row
from master.store.sqlite.files import connect_reader
from master.store.sqlite.rows import COMPACTED, LEASES, ONE_ROW, SELECT, checked

log = logging.getLogger(__name__)

# What the disk answers where it does not hold what was written.
UNREADABLE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError, DamagedError)
NEWEST = "SELECT key, number, version FROM log ORDER BY number"
FROM = f"{SELECT} WHERE number >= ? ORDER BY number"


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """The newest state, in a read transaction that lasts as long as the block; the master goes on beside it.

    Raises one of `UNREADABLE`, at the latest from the last of its rows, where the file is damaged.
    """
    connection = connect_reader(path)
    try:
        connection.execute("BEGIN")
        newest, last = _newest(connection)
        revision = max(1, revision_of(last), connection.execute(COMPACTED).get or 0)
        yield State(revision, dict(connection.execute(LEASES)), _living(connection, newest))
    finally:
        connection.close()


def _newest(connection: apsw.Connection) -> tuple[dict[bytes, int], int]:
    """The number of each living key's row, and that of the log's last."""
    newest: dict[bytes, int] = {}
    last = 0
    for key, last, version in connection.execute(NEWEST):
        if version:
            newest[key] = last
        else:
            newest.pop(key, None)
    return newest, last


def _living(connection: apsw.Connection, newest: dict[bytes, int]) -> Iterator[Row]:
    for columns in connection.execute(FROM, (0,)):
        number, key = columns[:2]
        if newest.get(key) == number:
            yield checked(columns)


class Remains:
    """What can be read of a damaged file.  `compacted` is None where even that is lost."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        # The file is left as it was found, its WAL beside it.
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self.compacted = self._compacted()
        self.whole = False
        """Whether the last `rows` came to the log's end."""

    def close(self) -> None:
        self._connection.close()

    def rows(self, first: int = 0) -> Iterator[Row]:
        """Whole revisions, as far as they can be read; where `first` is given, from it on and without a gap."""
        expected, held = first, list[Row]()
        for revision, rows in groupby(self._readable(row_of(first, 0)), key=lambda row: revision_of(row.number)):
            yield from held
            held = list(rows)
            if first and revision != expected:
                log.warning("revision %d is missing", expected)
                self.whole = False
                return
            expected = revision + 1
        if self.whole:
            yield from held

    def newest(self) -> tuple[dict[bytes, int], int] | None:
        """The number of each living key's row, and the newest revision; None where not every key can be read."""
        try:
            newest, last = _newest(self._connection)
        except UNREADABLE as error:
            log.warning("not every key can be read: %s", error)
            return None
        return newest, max(revision_of(last), self.compacted or 0)

    def row(self, number: int) -> Row | None:
        """None where it cannot be read, or is not what was written."""
        try:
            found = self._connection.execute(ONE_ROW, (number,)).fetchall()
            return checked(found[0]) if found else None
        except UNREADABLE as error:
            log.warning("a row cannot be read: %s", error)
            return None

    def leases(self) -> dict[int, int]:
        try:
            return dict(self._connection.execute(LEASES))
        except UNREADABLE as error:
            log.warning("the leases cannot be read: %s", error)
            return {}

    def _readable(self, number: int) -> Iterator[Row]:
        self.whole = False
        try:
            for columns in self._connection.execute(FROM, (number,)):
                yield checked(columns)
        except UNREADABLE as error:
            log.warning("what follows cannot be read: %s", error)
        else:
            self.whole = True

    def _compacted(self) -> int | None:
        try:
            return self._connection.execute(COMPACTED).get or 0
        except UNREADABLE:
            return None
