"""Who works where: one at a time on a node's folder, and on what all clusters of this machine share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED = Path("/run/lock/wherry-virtual")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """One at a time works on what lies in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone() -> Iterator[None]:
    """One at a time on this machine: choosing a subnet, making and removing cgroups that clusters share."""
    SHARED.parent.mkdir(parents=True, exist_ok=True)
    with SHARED.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
