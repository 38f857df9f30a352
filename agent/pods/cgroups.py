"""The cgroup of a whole pod: its limits before the first container, and its removal after the last.

Containers lie in it as children that runc makes; runc makes missing parents without limits and leaves them behind.  Both
versions of cgroup; sources: the kernel's admin-guide/cgroup-v1 and cgroup-v2.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.runtime.words import Resources

log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
UNLIMITED = (("memory", "memory.limit_in_bytes", "-1"), ("cpu", "cpu.cfs_quota_us", "-1"))
UNLIMITED_UNIFIED = ((".", "memory.max", "max"), (".", "cpu.max", "max"))
UNIFIED_CONTROLLERS = ("cpu", "memory", "pids")


def set_limits(parent: str, resources: Resources, root: Path = ROOT) -> None:
    """Make the cgroup `parent` with its limits; a kernel without a controller goes without that limit."""
    if (root / "cgroup.controllers").exists():
        _set_unified(root, parent, resources)
        return
    for controller, file, value in _version_1(resources):
        if (root / controller).is_dir():
            folder = root / controller / parent.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / file, value)


def lift_limits(parent: str, root: Path = ROOT) -> None:
    """Take the limits off, so that those below may grow; each container keeps its own."""
    unified = (root / "cgroup.controllers").exists()
    for controller, file, value in UNLIMITED_UNIFIED if unified else UNLIMITED:
        folder = root / controller / parent.lstrip("/")
        if folder.is_dir():
            _write(folder / file, value)


def remove(parent: str, root: Path = ROOT) -> None:
    """Remove the cgroup and the empty ones below it in every hierarchy."""
    tops = [root] if (root / "cgroup.controllers").exists() else [path for path in root.iterdir() if path.is_dir()]
    for top in tops:
        folder = top / parent.lstrip("/")
        if folder.is_dir():
            _remove(folder)


def _version_1(resources: Resources) -> list[tuple[str, str, int]]:
    limits = [("cpu", "cpu.shares", resources.cpu_shares)]
    if resources.cpu_quota:
        limits += [("cpu", "cpu.cfs_period_us", resources.cpu_period), ("cpu", "cpu.cfs_quota_us", resources.cpu_quota)]
    if resources.memory_limit:
        limits.append(("memory", "memory.limit_in_bytes", resources.memory_limit))
    return limits


def _set_unified(root: Path, parent: str, resources: Resources) -> None:
    folder = root
    for part in parent.strip("/").split("/"):
        _delegate(folder)
        folder = folder / part
        folder.mkdir(exist_ok=True)
    _delegate(folder)
    weight = 1 + (max(2, resources.cpu_shares) - 2) * 9999 // 262142
    _write(folder / "cpu.weight", weight)
    if resources.cpu_quota:
        _write(folder / "cpu.max", f"{resources.cpu_quota} {resources.cpu_period}")
    if resources.memory_limit:
        _write(folder / "memory.max", resources.memory_limit)


def _delegate(folder: Path) -> None:
    """Let the children of a version 2 cgroup have the controllers that it has."""
    present = (folder / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{name}" for name in UNIFIED_CONTROLLERS if name in present)
    if wanted:
        _write(folder / "cgroup.subtree_control", wanted)


def _write(file: Path, value: object) -> None:
    try:
        file.write_text(str(value))
    except OSError as error:
        log.warning("cgroup limit not set file=%s value=%s error=%s", file, value, error)


def _remove(folder: Path) -> None:
    for child in folder.iterdir():
        if child.is_dir():
            _remove(child)
    try:
        folder.rmdir()
    except OSError as error:
        log.info("cgroup not removed path=%s error=%s", folder, error)
