"""Variables out of files that a pod's own containers wrote (`fileKeyRef`): the format, and a reading that stays in the volume.

The format is Kubernetes' own, a part of the shell's: `NAME='value'`, the value literal up to the next quote, over several
lines if need be; blank lines and lines that begin with # count for nothing.
Source: kubernetes.io, "Define Environment Variable Values Using An Init Container".
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.pods.environment import ConfigError
from agent.pods.observed import Pod
from agent.pods.places import Paths
from agent.pods.volumes import kernel
from agent.pods.volumes.mounting import host_folder, volumes_of

LARGEST = 64 << 10
NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
ENTRY = re.compile(r"[ \t]*([A-Za-z_.-][A-Za-z0-9_.-]*)[ \t]*=[ \t]*'([^']*)'[ \t]*(?:\n|\Z)")
File = tuple[str, str]
"""The volume's name and the path in it."""


def variables(text: str) -> dict[str, str]:
    """ConfigError names the line that is no entry."""
    return dict(_entries(text))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        entry = ENTRY.match(text, at)
        found = entry or NOTHING.match(text, at)
        if found is None:
            line = text.count("\n", 0, at) + 1
            raise ConfigError(f"invalid environment variable format at line {line}: want NAME='value'")
        if entry:
            yield entry[1], entry[2]
        at = found.end()


def read_files(pod: Pod, container: Mapping[str, Any], paths: Paths) -> dict[File, Mapping[str, str] | None]:
    """What each file that the container's variables name says now; None for one that is not there."""
    sources = [(entry.get("valueFrom") or {}).get("fileKeyRef") for entry in container.get("env") or ()]
    wanted = {(source["volumeName"], source["path"]) for source in sources if source}
    return {file: _read(pod, file, paths) for file in sorted(wanted)}


def _read(pod: Pod, file: File, paths: Paths) -> dict[str, str] | None:
    name, inner = file
    volume = next((volume for volume in volumes_of(pod) if volume["name"] == name), {})
    if "emptyDir" not in volume:
        raise ConfigError(f"cannot find the volume {name!r} referenced by FileKeyRef, or it is no emptyDir")
    try:
        text = _text(host_folder(volume, pod["metadata"]["uid"], paths), inner)
    except FileNotFoundError:
        return None
    return variables(text)


def _text(folder: Path, inner: str) -> str:
    """The kernel holds the path beneath the folder, whatever links a container put there."""
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        found = kernel.open_beneath(root, inner)
    finally:
        os.close(root)
    try:
        told = os.fstat(found)
        if not stat.S_ISREG(told.st_mode) or told.st_size > LARGEST:
            raise ConfigError(f"environment file {inner} is no regular file of at most {LARGEST >> 10} KiB")
        return Path(f"/proc/self/fd/{found}").read_text(errors="surrogateescape")
    finally:
        os.close(found)
