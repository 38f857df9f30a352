"""mount(2), umount2(2) and openat2(2), which Python does not wrap."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 0x1, 0x2, 0x4, 0x1000, 0x4000
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
OPENAT2 = 437
"""The number of openat2 on every architecture."""
RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT = 0x02, 0x10

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    result = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _check(result, target)


def unmount(target: Path) -> None:
    """Detach what is mounted there; nothing mounted is fine."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH | UMOUNT_NOFOLLOW) != 0:
        number = ctypes.get_errno()
        if number not in {22, 2}:  # EINVAL: not a mount point, ENOENT
            raise OSError(number, os.strerror(number), str(target))


def open_beneath(root: int, path: str) -> int:
    """A descriptor (O_PATH) of `path` as seen with the folder `root` as the root of all: no link leads out of it."""
    how = struct.pack("<QQQ", os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    result = _libc.syscall(ctypes.c_long(OPENAT2), ctypes.c_int(root), os.fsencode(path), how, ctypes.c_size_t(24))
    _check(min(result, 0), path)
    return int(result)


def is_mounted(path: Path) -> bool:
    return path.exists() and os.path.ismount(path)


def _check(result: int, path: Path | str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
