"""The file systems of a virtual node, mounted by its first process in its own mount namespace."""

from __future__ import annotations

import ctypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from provisioning.virtual.cgroups import Hierarchy

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 4096, 16384, 1 << 18, 1 << 20
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

libc = ctypes.CDLL(None, use_errno=True)

DEVICES = {
    "null": (1, 3, 0o666),
    "zero": (1, 5, 0o666),
    "full": (1, 7, 0o666),
    "random": (1, 8, 0o666),
    "urandom": (1, 9, 0o666),
    "kmsg": (1, 11, 0o644),
    "tty": (5, 0, 0o666),
    "fuse": (10, 229, 0o666),
    "net/tun": (10, 200, 0o666),
}
ON_DISK = ("var/lib/containerd", "var/lib/wherry")
"""Folders that come from the real disk: containerd's overlays cannot have their upper folders on another overlay."""
LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


@dataclass(frozen=True, slots=True)
class Mount:
    """One call of mount(2), its target inside the node's tree."""

    source: str
    target: str
    kind: str
    flags: int = MS_NOSUID | MS_NODEV | MS_NOEXEC
    data: str = ""


FIRST = (
    Mount("proc", "proc", "proc"),
    Mount("sysfs", "sys", "sysfs"),
    Mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755"),
    Mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=666,mode=620"),
    Mount("tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"),
    Mount("mqueue", "dev/mqueue", "mqueue"),
    Mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"),
    Mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"),
)


def cgroup_mounts(found: list[Hierarchy]) -> list[Mount]:
    """The host's hierarchies again, seen through the node's cgroup namespace."""
    rows = [] if any(row.mount == Path("/sys/fs/cgroup") for row in found) else [_cgroup_home()]
    for row in found:
        kind = "cgroup2" if row.version == 2 else "cgroup"
        named = [word for word in row.controllers if word.startswith("name=")]
        words = ["none", *named] if named else sorted(row.controllers)
        rows.append(Mount("cgroup", str(row.mount).lstrip("/"), kind, data=",".join(words)))
    return rows


def _cgroup_home() -> Mount:
    return Mount("tmpfs", "sys/fs/cgroup", "tmpfs", data="mode=755")


@dataclass(frozen=True, slots=True)
class Tree:
    """What a node's tree is made of; `hidden` is the folder of the host that it may not see: the cluster's root, with its
    keys; `programs` are those it sees read-only where the overlay shows nothing there."""

    folder: Path
    hidden: Path
    programs: tuple[Path, ...]
    hierarchies: list[Hierarchy]
    cgroup_aliases: dict[str, str]


def mount_tree(parts: Tree) -> None:
    """Mount the node's tree and make it this process's root.

    Paths in the overlay's options are relative, so that no character in them needs escaping.
    """
    folder, tree = parts.folder, parts.folder / "tree"
    mount(Mount("none", "/", "", MS_REC | MS_PRIVATE), Path("/"))
    os.chdir(folder)
    mount(Mount("overlay", "tree", "overlay", 0, "lowerdir=/,upperdir=upper,workdir=work"), folder)
    for row in (*FIRST, *cgroup_mounts(parts.hierarchies)):
        mount(row, tree)
    for program in parts.programs:
        bind_program(program, tree)
    hidden = str(parts.hidden).lstrip("/")
    if hidden and (tree / hidden).is_dir():
        mount(Mount("tmpfs", hidden, "tmpfs", data="mode=700,size=4k"), tree)
    for name, target in parts.cgroup_aliases.items():
        (tree / "sys/fs/cgroup" / name).symlink_to(target)
    make_devices(tree / "dev")
    for part in ON_DISK:
        source = folder / "disk" / Path(part).name
        source.mkdir(exist_ok=True)
        mount(Mount(str(source), part, "", MS_BIND), tree)
    change_root(tree)
    mount(Mount("none", "", "", MS_REC | MS_SHARED), Path("/"))  # as systemd has it: mounts propagate into containers


def bind_program(path: Path, tree: Path) -> None:
    """Show a folder of the host, read-only, unless the overlay shows it already."""
    inside = str(path).lstrip("/")
    if not (tree / inside).exists():
        mount(Mount(str(path), inside, "", MS_BIND), tree)
        mount(Mount("", inside, "", MS_BIND | MS_REMOUNT | MS_RDONLY), tree)


def cgroup_aliases() -> dict[str, str]:
    """Links such as `cpu -> cpu,cpuacct` that the host keeps beside its hierarchies."""
    home = Path("/sys/fs/cgroup")
    return {path.name: str(path.readlink()) for path in home.iterdir() if path.is_symlink()}


def mount(row: Mount, tree: Path) -> None:
    """One mount; OSError names the target."""
    target = tree / row.target
    target.mkdir(parents=True, exist_ok=True)
    words = [word.encode() or None for word in (row.source, str(target), row.kind)]
    if libc.mount(*words, ctypes.c_ulong(row.flags), row.data.encode() or None):
        raise OSError(ctypes.get_errno(), f"mount {row.kind or 'bind'}: {os.strerror(ctypes.get_errno())}", row.target)


def make_devices(dev: Path) -> None:
    """The device files and links that programs expect."""
    for name, (major, minor, mode) in DEVICES.items():
        path = dev / name
        path.parent.mkdir(exist_ok=True)
        os.mknod(path, stat.S_IFCHR, os.makedev(major, minor))
        path.chmod(mode)
    for name, target in LINKS.items():
        (dev / name).symlink_to(target)


def change_root(tree: Path) -> None:
    """pivot_root(2) with both arguments the same folder, then let go of the old root."""
    os.chdir(tree)
    if libc.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."):
        raise OSError(ctypes.get_errno(), f"pivot_root: {os.strerror(ctypes.get_errno())}", str(tree))
    if libc.umount2(b".", MNT_DETACH):
        raise OSError(ctypes.get_errno(), f"umount: {os.strerror(ctypes.get_errno())}", "old root")
    os.chdir("/")
