"""What is done about a store that is damaged: it is put aside, and the newest good state takes its place.

How it works: where every key can be read and only some values not, those come from the newest snapshot that has them and
all others from the file.  Else the newest snapshot that is whole, and after it the revisions that the damaged file still
holds without a gap; or, where the file is good up to a point that no compaction has passed, the file up to there.  The
new store begins far beyond every revision that the old one can have told, and its past is compacted: so no client ever
sees a revision twice, and watches and lists from before are told to begin anew.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw

from kube.files import sync_folder
from master.store.contract import StoreFileError
from master.store.dumps import DumpError, State, read_dump
from master.store.log import Row
from master.store.snapshots import Snapshots
from master.store.sqlite.files import draft_file
from master.store.sqlite.notes import ASIDE, REPORT, forget_damage
from master.store.sqlite.reading import Remains

log = logging.getLogger(__name__)

# As etcd's documentation advises for a restored member: a week of 1,500 writes a second.
BEYOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found, what is there now, and where the damaged file is kept (None: there was no file)."""

    found: str
    restored: str
    aside: Path | None

    def __str__(self) -> str:
        kept = f"; the damaged file is kept as {self.aside}" if self.aside else ""
        return f"the store was damaged ({self.found}); restored {self.restored}{kept}"


def recover(path: Path, snapshots: Snapshots, found: str) -> Recovery:
    """Raises StoreFileError, with nothing changed, when no good state is left at all."""
    remains = _remains(path)
    try:
        rebuilt = _mended(path, snapshots, remains) or (
            _from_itself(path, snapshots, remains) or _from_snapshots(path, snapshots, remains)
        )
    finally:
        if remains is not None:
            remains.close()
    if rebuilt is None:
        raise StoreFileError(f"store {path} is damaged: {found}; there is no snapshot that it could be restored from")
    draft, restored = rebuilt
    recovery = Recovery(found, restored, _put_aside(path))
    if recovery.aside is not None:
        recovery.aside.with_name(recovery.aside.name + REPORT).write_text(f"{recovery}\n")
    draft.rename(path)
    sync_folder(path.parent)
    forget_damage(path)
    log.error("%s", recovery)
    return recovery


def _remains(path: Path) -> Remains | None:
    try:
        return Remains(path) if path.exists() else None
    except apsw.Error as error:
        log.warning("nothing of %s can be read: %s", path, error)
        return None


def _mended(path: Path, snapshots: Snapshots, remains: Remains | None) -> tuple[Path, str] | None:
    """All that the file holds; values that cannot be read as the newest snapshot has them, which may be older ones."""
    known = remains.newest() if remains is not None else None
    if remains is None or known is None:
        return None
    newest, revision = known
    lost = {key: number for key, number in newest.items() if remains.row(number) is None}
    spare = _spared(snapshots, lost)
    good = (remains.row(number) for key, number in newest.items() if key not in lost)
    rows = itertools.chain((row for row in good if row is not None), spare.values())
    draft = draft_file(path, State(revision, remains.leases(), rows), BEYOND)
    return draft.path, _words(revision, lost, spare)


def _spared(snapshots: Snapshots, lost: Mapping[bytes, int]) -> dict[bytes, Row]:
    """The newest rows of the lost keys that snapshots have."""
    spare: dict[bytes, Row] = {}
    for snapshot in snapshots.newest_first() if lost else ():
        try:
            with snapshot.open("rb") as file:
                found = {row.key: row for row in read_dump(file).rows if row.key in lost}
        except (DumpError, OSError) as error:
            log.error("snapshot %s is of no use: %s", snapshot, error)
            continue
        spare = found | spare
        if spare.keys() == lost.keys():
            break
    return spare


def _words(revision: int, lost: Mapping[bytes, int], spare: Mapping[bytes, Row]) -> str:
    older = [key for key, row in spare.items() if row.number != lost[key]]
    kinds = {"as a snapshot had them before": older, "lost": [key for key in lost if key not in spare]}
    words = [
        f"{', '.join(sorted(key.decode(errors='replace') for key in keys))} {how}"
        for how, keys in kinds.items()
        if keys
    ]
    return f"all of it up to revision {revision}" + "".join(f"; {each}" for each in words)


def _from_itself(path: Path, snapshots: Snapshots, remains: Remains | None) -> tuple[Path, str] | None:
    """The file up to where it is damaged, if its past goes back no further than that and no snapshot is newer."""
    if remains is None or remains.compacted is None or remains.compacted <= snapshots.newest_revision():
        return None
    draft = draft_file(path, State(leases=remains.leases(), rows=remains.rows()), BEYOND)
    if not remains.whole and draft.revision < remains.compacted:
        draft.path.unlink()
        return None
    return draft.path, f"what could be read of it, up to revision {draft.revision}"


def _from_snapshots(path: Path, snapshots: Snapshots, remains: Remains | None) -> tuple[Path, str] | None:
    for snapshot in snapshots.newest_first():
        try:
            with snapshot.open("rb") as file:
                state = read_dump(file)
                draft = draft_file(path, _continued(state, remains), BEYOND)
        except (DumpError, OSError) as error:
            log.error("snapshot %s is of no use: %s", snapshot, error)
            continue
        more = f" and what followed it up to {draft.revision}" if draft.revision > state.revision else ""
        return draft.path, f"from the snapshot of revision {state.revision}{more}"
    return None


def _continued(state: State, remains: Remains | None) -> State:
    """The state, and after it the revisions that the damaged file still holds, where none of them is compacted."""
    if remains is None or remains.compacted is None or remains.compacted > state.revision:
        return state
    rows = itertools.chain(state.rows, remains.rows(state.revision + 1))
    return State(state.revision, remains.leases(), rows)


def _put_aside(path: Path) -> Path | None:
    """The file and its WAL under another name; `path` itself stays until the new file takes its place."""
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}{ASIDE}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    aside.unlink(missing_ok=True)
    aside.hardlink_to(path)
    wal = path.with_name(path.name + "-wal")
    if wal.exists():
        wal.rename(aside.with_name(aside.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside
