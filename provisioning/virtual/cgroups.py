"""A virtual node's cgroup: `wherry/TAG/NAME` in every hierarchy of the host, version 1, 2 or both.

The node's own cgroup namespace has it as root, so what containerd makes lies under it and its limits are what the node
can read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from provisioning.virtual.locking import alone
from provisioning.virtual.records import Size

PERIOD = 100_000
LEAF = "init"
GONE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup file system."""

    mount: Path
    version: int
    controllers: frozenset[str]
    """Version 1: what it was mounted with, `name=systemd` included; version 2: empty, they are read from it."""


def parse_mounts(text: str) -> list[Hierarchy]:
    """The hierarchies in /proc/mounts, a mount point mentioned twice counted once."""
    found: dict[str, Hierarchy] = {}
    plain = {"rw", "ro", "nosuid", "nodev", "noexec", "relatime", "noatime", "nsdelegate", "xattr", "clone_children"}
    for line in text.splitlines():
        _, mount, kind, options = line.split()[:4]
        if kind == "cgroup":
            words = frozenset(word for word in options.split(",") if word not in plain)
            found[mount] = Hierarchy(Path(mount), 1, words)
        elif kind == "cgroup2":
            found[mount] = Hierarchy(Path(mount), 2, frozenset())
    return list(found.values())


def hierarchies() -> list[Hierarchy]:
    return parse_mounts(Path("/proc/mounts").read_text())


def limits(hierarchy: Hierarchy, size: Size) -> dict[str, str]:
    """File to value for the limits that this hierarchy can set."""
    quota = str(int(size.cpus * PERIOD))
    if hierarchy.version == 2:
        return {"memory.max": str(size.memory), "memory.swap.max": "0", "cpu.max": f"{quota} {PERIOD}"}
    settings: dict[str, str] = {}
    if "memory" in hierarchy.controllers:
        settings["memory.limit_in_bytes"] = str(size.memory)
    if "cpu" in hierarchy.controllers:
        settings |= {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": quota}
    return settings


def make_group(group: str, size: Size) -> None:
    """Make the node's cgroup everywhere, with its limits; what is there is set again."""
    for hierarchy in hierarchies():
        path = hierarchy.mount / group
        with alone():
            path.mkdir(parents=True, exist_ok=True)
            inherit(hierarchy, group)
        for name, value in limits(hierarchy, size).items():
            if hierarchy.version == 1 or (path / name).exists():
                (path / name).write_text(value)


def inherit(hierarchy: Hierarchy, group: str) -> None:
    """Version 2 enables controllers, version 1 copies the cpuset, from the top down."""
    path = hierarchy.mount
    for part in Path(group).parts:
        parent, path = path, path / part
        if hierarchy.version == 2:
            enable_controllers(parent)
        elif "cpuset" in hierarchy.controllers:
            for name in ("cpuset.cpus", "cpuset.mems"):
                (path / name).write_text((parent / name).read_text())


def enable_controllers(path: Path) -> None:
    """Let the children of a version 2 cgroup have every controller that it has."""
    names = (path / "cgroup.controllers").read_text().split()
    if names:
        (path / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))


def doors(group: str) -> list[Path]:
    """The files to write `0` to for a process to be in the node's cgroup; in version 2 that is the leaf of its init."""
    paths = [hierarchy.mount / group for hierarchy in hierarchies()]
    return [(path / LEAF if (path / LEAF).exists() else path) / "cgroup.procs" for path in paths]


def settle_in_leaf(mount: Path) -> None:
    """Inside a version 2 node: its root may have children with controllers only if no process is in it."""
    if (mount / "cgroup.controllers").read_text().split():
        (mount / LEAF).mkdir(exist_ok=True)
        (mount / LEAF / "cgroup.procs").write_text("0")
        enable_controllers(mount)


def remove_group(group: str) -> None:
    """Remove the cgroup with all below it, and the empty ones above; waits for dying processes to be gone."""
    for hierarchy in hierarchies():
        path = hierarchy.mount / group
        below = [Path(folder) for folder, _, _ in os.walk(path, topdown=False)] if path.exists() else []
        for folder in below:
            persist(folder.rmdir)
        with alone():
            for part in list(Path(group).parents)[:-1]:
                remove_if_empty(hierarchy.mount / part)


def remove_if_empty(path: Path) -> None:
    """rmdir, unless other nodes or clusters are in it."""
    with suppress(FileNotFoundError):
        if not any(entry.is_dir() for entry in path.iterdir()):
            persist(path.rmdir)


def persist(remove: Callable[[], None]) -> None:
    """Repeat a removal while the kernel says busy."""
    end = time.monotonic() + GONE_SECONDS
    while True:
        try:
            return remove()
        except FileNotFoundError:
            return None
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
