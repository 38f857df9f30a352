"""`SqliteStore.open`: the file looked at, restored where it is damaged, then the engine over it."""

from __future__ import annotations

from pathlib import Path

from master.store.clocks import Clock
from master.store.contract import StoreFileError
from master.store.engine import LogStore
from master.store.retention import Retention
from master.store.snapshots import snapshots_of
from master.store.sqlite.files import FileLock, TornFileError, check_file, create_file
from master.store.sqlite.log import SqliteLog
from master.store.sqlite.mounts import network_filesystem
from master.store.sqlite.notes import noted_damage
from master.store.sqlite.recovery import Recovery, recover

MOUNTS = Path("/proc/self/mountinfo")


class SqliteStore(LogStore):
    """`recovery` says what was done about damage when it was opened; None where there was none."""

    recovery: Recovery | None = None

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        clock: Clock | None = None,
        retention: Retention | None = None,
        quota: int | None = None,
        found: str = "",
    ) -> SqliteStore:
        """Makes the file when there is none; its folder exists.  Raises StoreFileError.

        A damaged file is put aside and the newest good state restored (recovery.py); so is one that `found` says
        something of: damage that only reading the values tells.
        """
        place = Path(path)
        refuse_network(place)
        lock = FileLock(place.with_name(place.name + ".lock"))
        try:
            recovery = None
            try:
                _ensure_file(place, found or noted_damage(place))
                store = cls._over(SqliteLog(place, lock, quota), clock, retention)
            except TornFileError as error:
                recovery = recover(place, snapshots_of(place), str(error))
                store = cls._over(SqliteLog(place, lock, quota), clock, retention)
        except BaseException:
            lock.release()
            raise
        store.recovery = recovery
        return store

    @classmethod
    def _over(cls, rows: SqliteLog, clock: Clock | None, retention: Retention | None) -> SqliteStore:
        try:
            return cls(rows, clock, retention)
        except BaseException:
            rows.disconnect()
            raise


def refuse_network(path: Path) -> None:
    kind = network_filesystem(path.resolve(), MOUNTS.read_text())
    if kind:
        raise StoreFileError(f"store {path} lies on {kind}, a network file system: give [store] path a local disk")


def _ensure_file(path: Path, found: str) -> None:
    if path.exists() and path.stat().st_size:
        check_file(path)
        if found:
            raise TornFileError(found)
    elif snapshots_of(path).newest_first():
        raise TornFileError("the file is gone, and its snapshots are there")
    else:
        create_file(path)
