"""A row as SQLite keeps it: its columns, the checksum over them, the statements that write and read it."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from master.store.contract import DamagedError
from master.store.index import revision_of
from master.store.log import Row

# The value comes last: reading the columns before it skips the pages that a long one overflows to.
SCHEMA = """
CREATE TABLE log (
  number INTEGER PRIMARY KEY,  -- revision << 20 | position in it
  key BLOB NOT NULL,
  create_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,    -- 0: deleted
  lease INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  value BLOB NOT NULL
);
CREATE TABLE leases (lease INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
CREATE TABLE marks (name TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
"""

INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"
SELECT = "SELECT number, key, value, create_revision, version, lease, checksum FROM log"
ONE_ROW = f"{SELECT} WHERE number = ?"
ROWS = f"{SELECT} WHERE number >= ? AND number < ? ORDER BY number LIMIT ?"
VERSIONS = "SELECT key, number, create_revision, version, lease FROM log ORDER BY number"
PURGE = "DELETE FROM log WHERE number IN (SELECT value FROM json_each(?))"
LEASES = "SELECT lease, ttl FROM leases"
GRANT = "INSERT INTO leases VALUES (?, ?)"
REVOKE = "DELETE FROM leases WHERE lease = ?"
COMPACTED = "SELECT revision FROM marks WHERE name = 'compacted'"
MARK_COMPACTED = "INSERT OR REPLACE INTO marks VALUES ('compacted', ?)"


def columns_of(row: Row) -> tuple[int, bytes, int, int, int, int, bytes]:
    """For `INSERT`."""
    number, key, value, created, version, lease = row
    return number, key, created, version, lease, _checksum(row), value


def checked(columns: tuple[Any, ...]) -> Row:
    """A row that `SELECT` found; raises DamagedError where it is not what was written."""
    *stored, checksum = columns
    row = Row(*stored)
    if _checksum(row) != checksum:
        raise DamagedError(f"key {row.key!r} at revision {revision_of(row.number)}: the checksum is wrong")
    return row


def _checksum(row: Row) -> int:
    head = struct.pack(">qqqq", row.number, row.create_revision, row.version, row.lease)
    return zlib.crc32(row.value, zlib.crc32(row.key, zlib.crc32(head)))
