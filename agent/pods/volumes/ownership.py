"""fsGroup on a whole volume: every file belongs to the group, which may do what a group member needs.

Facts: files get rw for the group (r where the volume is read-only), folders also x and the set-group-id bit, so that what is
made later belongs to the group too.  fsGroupChangePolicy OnRootMismatch leaves a volume alone whose root is right already.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

FILE, FILE_READ_ONLY = 0o660, 0o440
FOLDER = stat.S_ISGID | 0o110


def give(volume: Path, group: int, *, read_only: bool = False, only_on_mismatch: bool = False) -> None:
    if only_on_mismatch and _is_given(volume, group, read_only):
        return
    for path in _everything(volume):
        give_one(path, group, read_only=read_only)


def give_one(path: Path, group: int, *, read_only: bool = False) -> None:
    now = path.lstat()
    os.chown(path, -1, group, follow_symlinks=False)
    if not stat.S_ISLNK(now.st_mode):
        path.chmod(stat.S_IMODE(now.st_mode) | _wanted(now.st_mode, read_only))


def _is_given(volume: Path, group: int, read_only: bool) -> bool:
    now = volume.stat()
    wanted = _wanted(now.st_mode, read_only)
    return now.st_gid == group and now.st_mode & wanted == wanted


def _wanted(mode: int, read_only: bool) -> int:
    plain = FILE_READ_ONLY if read_only else FILE
    return plain | FOLDER if stat.S_ISDIR(mode) else plain


def _everything(volume: Path) -> Iterator[Path]:
    """What lies in the volume, and the volume itself last: a root that is right says that all of it is."""
    for folder, folders, files in os.walk(volume):
        yield from (Path(folder) / name for name in (*folders, *files))
    yield volume
