"""What may be written to: block devices as lsblk shows them (udev's facts), and files that stand for one."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIB = 1 << 30
MAX_SIZE = 256 * 10**9
COLUMNS = "NAME,PATH,TYPE,SIZE,MODEL,TRAN,RO,FSTYPE,LABEL,MOUNTPOINTS"
LSBLK = ("lsblk", "--json", "--bytes", "--output", COLUMNS)
SYSTEM = ("/", "/boot", "/boot/firmware", "/boot/efi", "/usr", "/var", "/home", "[SWAP]")


@dataclass(frozen=True, slots=True)
class Device:
    """`size` in bytes; `holds` are labels or types of the file systems on it, `mounted` where they are mounted."""

    path: str
    size: int
    kind: str = "disk"
    """lsblk's word, or `file`."""
    model: str = ""
    bus: str = ""
    read_only: bool = False
    holds: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()


def parse(text: str) -> list[Device]:
    """The whole devices in lsblk's JSON; what is on their partitions counts as theirs."""
    return [_device(row) for row in json.loads(text)["blockdevices"]]


def _device(row: dict[str, Any]) -> Device:
    family = list(_family(row))
    return Device(
        path=row["path"],
        size=int(row["size"] or 0),
        kind=row["type"],
        model=(row["model"] or "").strip(),
        bus=row["tran"] or "",
        read_only=bool(row["ro"]),
        holds=tuple(name for part in family if (name := part["label"] or part["fstype"])),
        mounted=tuple(place for part in family for place in part["mountpoints"] if place),
    )


def _family(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield row
    for child in row.get("children", ()):
        yield from _family(child)


def all_devices() -> list[Device]:
    """Every disk, card and loop device of this machine."""
    return parse(subprocess.run(LSBLK, capture_output=True, text=True, check=True).stdout)


def device_at(path: str) -> Device | None:
    """The device, partition or plain file at a path; None where there is neither."""
    found = Path(path)
    try:
        mode = found.stat().st_mode
    except OSError:
        return None
    if stat.S_ISREG(mode):
        return Device(path, found.stat().st_size, kind="file")
    if not stat.S_ISBLK(mode):
        return None
    done = subprocess.run((*LSBLK, str(found.resolve())), capture_output=True, text=True, check=False)
    return parse(done.stdout)[0] if done.returncode == 0 else None


def refusal(path: str, device: Device | None, image: int, max_size: int, force: bool) -> str:
    """Why this must not be written to, in one sentence; empty where it may.  `image` is the image's size, 0 if not known."""
    if device is None:
        return f"{path}: there is no such device; see master flash --list"
    if device.kind == "part":
        return f"{path} is a partition: name the whole device"
    if any(place in SYSTEM for place in device.mounted):
        return f"{path} is the disk that this system runs on"
    if device.mounted:
        return f"{path} is mounted at {', '.join(device.mounted)}: unmount it first"
    if device.read_only:
        return f"{path} is write-protected: look for the card's lock"
    if device.size == 0:
        return f"{path} holds no medium"
    if device.size > max_size and not force:
        return f"{path} has {device.size / 1e9:.0f} GB, more than {max_size / 1e9:.0f} GB: if it is meant, give --force"
    if image > device.size:
        return f"{path} has {device.size} bytes and the image needs {image}"
    return ""
