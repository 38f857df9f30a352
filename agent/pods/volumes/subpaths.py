"""A part of a volume as its own mount: what a container may have put there must not lead out of the volume.

How it works: the path is opened beneath the volume by the kernel (openat2), missing folders are made one by one the same
way, and the open descriptor is bind-mounted to a place only the agent writes, so that nothing can be swapped afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.pods.volumes import kernel


def bind_subpath(volume: Path, inner: str, target: Path) -> None:
    """Mount `inner` of `volume` at `target`; folders that are missing are made, with the volume's own mode."""
    if kernel.is_mounted(target):
        return
    root = os.open(volume, os.O_PATH | os.O_DIRECTORY)
    try:
        found = _open_or_make(root, inner, os.fstat(root).st_mode & 0o777)
    finally:
        os.close(root)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source = Path(f"/proc/self/fd/{found}")
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.touch()
        kernel.mount(str(source), target, flags=kernel.MS_BIND | kernel.MS_REC)
    finally:
        os.close(found)


def _open_or_make(root: int, inner: str, mode: int) -> int:
    try:
        return kernel.open_beneath(root, inner)
    except FileNotFoundError:
        pass
    walked = ""
    for part in Path(inner).parts:
        above = kernel.open_beneath(root, walked or ".")
        try:
            os.mkdir(part, mode, dir_fd=above)
        except FileExistsError:
            pass
        finally:
            os.close(above)
        walked = f"{walked}/{part}" if walked else part
    return kernel.open_beneath(root, inner)
