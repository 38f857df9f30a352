"""A set of files published at once: readers see all of the old or all of the new.

How it works, as on every Kubernetes node: the files lie in a folder of their own, `..data` is a symbolic link to it, and each
visible name is a link through `..data`.  A change writes a new folder and renames a new `..data` over the old.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from agent.pods.volumes.payloads import Payload

DATA = "..data"
FRESH = "..data_tmp"


def publish(folder: Path, payload: Payload, group: int | None = None) -> bool:
    """Make `folder` hold exactly `payload`, readable by `group` where one is given; False when it did already."""
    current = folder / DATA
    if current.is_symlink() and _read(current.resolve()) == {
        name: (file.content, _mode(file.mode, group)) for name, file in payload.items()
    }:
        return False
    old = current.resolve() if current.is_symlink() else None
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    new.chmod(0o755)
    for name, file in payload.items():
        path = _beneath(new, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        if group is not None:
            os.chown(path, -1, group)
        path.chmod(_mode(file.mode, group))
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


def _mode(mode: int, group: int | None) -> int:
    """A pod's own group may read what its owner may."""
    return mode if group is None else mode | (mode & 0o700) >> 3 & 0o050 | 0o040


def _beneath(folder: Path, name: str) -> Path:
    path = folder / name
    if ".." in path.parts[len(folder.parts) :] or (path.is_absolute() and not path.is_relative_to(folder)):
        raise ValueError(f"{name} leads out of the volume")
    return path
