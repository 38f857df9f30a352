"""`SqliteStore.open`: the file looked at, then the engine over it."""

from __future__ import annotations

from pathlib import Path

from master.store.clocks import Clock
from master.store.engine import LogStore
from master.store.retention import Retention
from master.store.sqlite.log import SqliteLog


class SqliteStore(LogStore):
    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        clock: Clock | None = None,
        retention: Retention | None = None,
        quota: int | None = None,
    ) -> SqliteStore:
        """Makes the file when there is none; its folder exists.  Raises StoreFileError."""
        rows = SqliteLog(Path(path), quota)
        try:
            return cls(rows, clock, retention)
        except BaseException:
            rows.release()
            raise
