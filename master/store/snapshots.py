"""A folder of the newest states of the store, as dumps: what a destroyed store is restored from."""

from __future__ import annotations

import os
from pathlib import Path

from kube.files import sync_folder
from master.store.dumps import State, write_dump

KEPT = 3


class Snapshots:
    """Named by revision, so that their names sort as they were made; the oldest go when there are more than `kept`."""

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        self.folder = folder
        self._kept = kept

    def newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("*.dump"), reverse=True)

    def newest_revision(self) -> int:
        """0 where there is none."""
        return max((revision_of(path) for path in self.newest_first()), default=0)

    def made(self) -> float | None:
        """When the newest one was, in seconds of the epoch; None where there is none."""
        return max((path.stat().st_mtime for path in self.newest_first()), default=None)

    def add(self, state: State) -> Path:
        """On the disk, whole, when it returns; a disk that is full gets back what it took."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{state.revision:019d}.dump"
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                write_dump(state, file)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(self.folder)
        for old in self.newest_first()[self._kept :]:
            old.unlink()
        return path


def revision_of(path: Path) -> int:
    return int(path.stem)


def snapshots_of(store: Path, kept: int = KEPT) -> Snapshots:
    """Those of the store in the file `store`: a folder beside it."""
    return Snapshots(store.with_name(store.name + ".snapshots"), kept)
