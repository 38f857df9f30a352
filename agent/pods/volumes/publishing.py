"""A set of files published at once: readers see all of the old or all of the new.

How it works, as on every Kubernetes node: the files lie in a folder of their own, `..data` is a symbolic link to it, and each
visible name is a link through `..data`.  A change writes a new folder and renames a new `..data` over the old.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from agent.pods.volumes import ownership
from agent.pods.volumes.payloads import Payload

DATA = "..data"
FRESH = "..data_tmp"


def publish(folder: Path, payload: Payload, group: int | None = None) -> bool:
    """Make `folder` hold exactly `payload`, readable by `group` where one is given; False when it did already."""
    current = folder / DATA
    if current.is_symlink() and _read(current.resolve()) == {
        name: (file.content, file.mode | (ownership.FILE_READ_ONLY if group is not None else 0))
        for name, file in payload.items()
    }:
        return False
    old = current.resolve() if current.is_symlink() else None
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    new.chmod(0o755)
    for name, file in payload.items():
        path = _beneath(new, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)
        if file.owner is not None:
            os.chown(path, file.owner, -1)
    if group is not None:
        ownership.give(new, group, read_only=True)
        ownership.give_one(folder, group, read_only=True)
    fresh = folder / FRESH
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(new.name)
    fresh.rename(current)
    _show(folder, payload)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
    return True


def _show(folder: Path, payload: Payload) -> None:
    """The visible names: a link for each first part of a path, and none that is gone."""
    wanted = {name.split("/")[0] for name in payload}
    for path in folder.iterdir():
        if not path.name.startswith("..") and path.name not in wanted:
            path.unlink()
    for name in wanted:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{DATA}/{name}")


def _read(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _beneath(folder: Path, name: str) -> Path:
    path = folder / name
    if ".." in path.parts[len(folder.parts) :] or (path.is_absolute() and not path.is_relative_to(folder)):
        raise ValueError(f"{name} leads out of the volume")
    return path
