"""Each kind of volume made on the node, and unmade.

Facts: emptyDir is a folder or, with medium Memory, a tmpfs; what may hold a secret (secret, projected, a configMap costs
nothing to treat alike) lies in a tmpfs, so that it never reaches the disk; hostPath checks what is there.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.pods.places import Paths
from agent.pods.volumes import kernel, ownership
from agent.pods.volumes.payloads import Missing, Payload
from agent.pods.volumes.publishing import publish
from kube import quantities

FILES = {"configMap", "secret", "downwardAPI", "projected"}
"""Kinds whose content the agent writes."""
PROJECTED = {"configMap", "secret", "downwardAPI", "serviceAccountToken"}
ON_THE_HOST = {"hostPath", "local"}
"""Kinds that are a path of the node; `local` only as a PersistentVolume."""
Volume = Mapping[str, Any]


class Unsupported(Exception):
    """A kind of volume this node does not do."""


def kind_of(volume: Volume) -> str:
    return next((key for key in volume if key != "name"), "emptyDir")


def host_folder(volume: Volume, uid: str, paths: Paths) -> Path:
    """Where the volume lies on the node."""
    kind = kind_of(volume)
    if kind in ON_THE_HOST:
        return Path(volume[kind]["path"])
    if kind != "emptyDir" and kind not in FILES:
        raise Unsupported(f"volume {volume['name']!r}: {kind} is not supported by this node")
    return paths.volume(uid, kind, volume["name"])


def make_volume(volume: Volume, uid: str, paths: Paths, group: int | None = None, room: int = 0) -> None:
    """Make an emptyDir, check a hostPath, mount the tmpfs that files will lie in.  Done twice, it does nothing.

    `room` is the most that a volume in memory may hold, in bytes; 0 leaves it to the kernel.
    """
    kind, folder = kind_of(volume), host_folder(volume, uid, paths)
    source = volume.get(kind) or {}
    _check_parts(volume["name"], kind, source)
    if kind == "hostPath":
        check_host_path(folder, source.get("type") or "")
        return
    if kind == "local":
        check_local(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "emptyDir":
        _empty_dir(folder, source, group, room)
    elif not kernel.is_mounted(folder):
        kernel.mount("tmpfs", folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755")


def write_files(volume: Volume, uid: str, paths: Paths, payload: Payload, group: int | None = None) -> bool:
    """Publish the volume's files; False when they are there already."""
    return publish(host_folder(volume, uid, paths), payload, group)


def check_host_path(path: Path, wanted: str) -> None:
    """hostPath.type: what must be there, or is made."""
    if wanted == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    if wanted == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    kinds = {
        "Directory": stat.S_ISDIR,
        "DirectoryOrCreate": stat.S_ISDIR,
        "File": stat.S_ISREG,
        "FileOrCreate": stat.S_ISREG,
        "Socket": stat.S_ISSOCK,
        "CharDevice": stat.S_ISCHR,
        "BlockDevice": stat.S_ISBLK,
    }
    if wanted in kinds and not (path.exists() and kinds[wanted](path.stat().st_mode)):
        words = {"CharDevice": "character device", "BlockDevice": "block device"}
        raise Missing(f"hostPath type check failed: {path} is not a {words.get(wanted, wanted.lower())}")


def check_local(path: Path) -> None:
    if not path.exists():
        raise Missing(f'path "{path}" does not exist')


def give_volume(volume: Volume, pod: Mapping[str, Any]) -> None:
    """Hand a PersistentVolume of the node to the pod's fsGroup; a hostPath keeps its owner."""
    group, source = group_of(pod), volume.get("local")
    if group is None or source is None or source.get("readOnly"):
        return
    policy = (pod["spec"].get("securityContext") or {}).get("fsGroupChangePolicy")
    ownership.give(Path(source["path"]), group, only_on_mismatch=policy == "OnRootMismatch")


def release_volumes(uid: str, paths: Paths) -> None:
    """Unmount everything below the pod's folder; emptyDirs on disk stay until the pod is removed."""
    for mounted in mounts_below(paths.pod(uid)):
        kernel.unmount(mounted)


def remove_pod(uid: str, paths: Paths) -> None:
    release_volumes(uid, paths)
    shutil.rmtree(paths.pod(uid), ignore_errors=True)


def leftovers(paths: Paths, known: set[str]) -> list[str]:
    """Pods that were deleted while nobody looked, such as during a reboot: their folders are still there."""
    return [folder.name for folder in paths.pods.iterdir() if folder.name not in known] if paths.pods.is_dir() else []


def remove_leftovers(uids: Iterable[str], paths: Paths) -> None:
    for uid in uids:
        for logs in paths.logs.glob(f"*_{uid}"):
            shutil.rmtree(logs, ignore_errors=True)
        remove_pod(uid, paths)


def mounts_below(folder: Path, table: str | None = None) -> list[Path]:
    """Mount points below `folder`, the deepest first; `table` is a text like /proc/self/mounts."""
    text = Path("/proc/self/mounts").read_text() if table is None else table
    found = (_unescaped(line.split()[1]) for line in text.splitlines())
    return sorted((Path(p) for p in found if p.startswith(f"{folder}/")), key=lambda p: len(p.parts), reverse=True)


def group_of(pod: Mapping[str, Any]) -> int | None:
    """fsGroup: who may read and write a pod's own volumes."""
    given = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return None if given is None else int(given)


def volumes_of(pod: Mapping[str, Any]) -> Iterable[Volume]:
    return pod["spec"].get("volumes") or ()


def _check_parts(name: str, kind: str, source: Mapping[str, Any]) -> None:
    """Unsupported names the part of a volume that this node does not do, where it does the rest."""
    if kind == "emptyDir" and source.get("medium") not in {None, "", "Memory"}:
        raise Unsupported(f"volume {name!r}: emptyDir.medium {source['medium']} is not supported by this node")
    for part in (part for given in source.get("sources") or () for part in given):
        if part not in PROJECTED:
            raise Unsupported(f"volume {name!r}: projected.sources.{part} is not supported by this node")


def _empty_dir(folder: Path, source: Mapping[str, Any], group: int | None, room: int) -> None:
    if source.get("medium") == "Memory" and not kernel.is_mounted(folder):
        least = min(filter(None, (room, quantities.value(str(source.get("sizeLimit") or "0")))), default=0)
        size = f",size={least}" if least else ""
        kernel.mount("tmpfs", folder, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"mode=0777{size}")
    folder.chmod(0o777)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(0o2777)


def _unescaped(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
