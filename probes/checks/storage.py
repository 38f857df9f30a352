"""Disks: room, inodes, read-only file systems, wear and speed of cards."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from probes.findings import Finding, trouble, unsure, well
from probes.looking import CouldNotLook, Looker
from probes.settings import settings

STATE = "/var/lib/wherry"
PLACES = (STATE, f"{STATE}/containerd", "/var/lib/containerd", "/var/log", "/etc/wherry", "/run", "/tmp", "/")
"""What a node writes to."""
LISTED = "df {} -- $(for p in {}; do [ -e $p ] && echo $p; done)"
SPACE = ("sh", "-c", LISTED.format("-Pk", " ".join(PLACES)))
INODES = ("sh", "-c", LISTED.format("-Pi", " ".join(PLACES)))
DEFAULT_FREE = "10%"
LEAST_FREE, LEAST_INODES = 0.03, 0.05
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 10**3, "M": 10**6, "G": 10**9}
OURS = re.compile(
    r"^/(usr|lib\w*|s?bin|boot|etc|opt|proc|sys|dev)/|^/var/lib/(dpkg|apt|containerd)/"
    r"|^/var/lib/wherry/(containerd|pods|virtual|vms|keys|ssh|programs|images)(/|$)|^/var/lib/wherry/[\w.-]+\.db"
)
"""What the system, containerd or wherry needs: never offered for removal."""
SLOW_SECONDS = 0.1
WORN = {0x02: "80 % of its spare blocks are used", 0x03: "over 90 % of its spare blocks are used"}
DISK_ERRORS = re.compile(
    r"I/O error|EXT4-fs error|BTRFS error|F2FS-fs.*error|mmc\d: .*error|error -110|Remounting.*read-only", re.I
)


@dataclass(frozen=True, slots=True)
class Volume:
    """A row of df: sizes in KiB, or counts of inodes."""

    device: str
    size: int
    free: int
    mount: str

    @property
    def share(self) -> float:
        return self.free / self.size if self.size else 1.0


def volumes(text: str) -> list[Volume]:
    """`df -P`'s rows, each file system once; ValueError when there is none."""
    found: dict[tuple[str, int, int], Volume] = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and words[1].isdigit() and words[3].isdigit():
            found.setdefault(
                (words[0], int(words[1]), int(words[3])), Volume(words[0], int(words[1]), int(words[3]), words[5])
            )
    if not found:
        raise ValueError("df names no file system")
    return list(found.values())


def threshold(given: str, size: int) -> int:
    """KiB that must be free, from an eviction threshold: `10%` or a quantity."""
    if given.endswith("%"):
        return int(size * float(given[:-1]) / 100)
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi|k|M|G|)", given)
    return int(match[1]) * UNITS[match[2]] >> 10 if match else size // 10


def disk(look: Looker) -> Finding:
    """Room where a node writes, measured against the thresholds below which its pods are evicted."""
    rows = volumes(look.run(SPACE))
    hard = settings(look).hard.get("nodefs.available", DEFAULT_FREE)
    full = [
        row
        for row in rows
        if row.free < (threshold(hard, row.size) if row.mount.startswith(STATE) else row.size * LEAST_FREE)
    ]
    if not full:
        least = min(rows, key=lambda row: row.share)
        return well("disk", f"{least.free >> 10} MiB free at {least.mount}")
    worst = min(full, key=lambda row: row.share)
    largest = _first(look, ("sh", "-c", LARGEST_FILES, "sh", worst.mount))
    return trouble(
        "disk",
        f"the file system at {worst.mount} is full: {worst.free >> 10} of {worst.size >> 10} MiB free",
        _removal(largest, "rm --", f"du -xh {shlex.quote(worst.mount)} | sort -rh | head -n 20"),
        breaks=f"pods are evicted and images removed when less than {hard} is free; nothing can be written in the end",
        evidence=f"df: {worst.device} {worst.size} KiB, {worst.free} free; the largest file: {largest or 'not found in time'}",
    )


def inodes(look: Looker) -> Finding:
    """Inodes left: without one no file is made, though there is room."""
    rows = [row for row in volumes(look.run(INODES)) if row.size]
    short = [row for row in rows if row.share < LEAST_INODES]
    if not short:
        return well("inodes", f"{min((row.share for row in rows), default=1):.0%} free")
    worst = min(short, key=lambda row: row.share)
    folder = _first(look, ("sh", "-c", FULLEST_FOLDERS, "sh", worst.mount))
    return trouble(
        "inodes",
        f"the file system at {worst.mount} has no inodes left for files: {worst.free} of {worst.size}",
        _removal(folder, "rm -r --", f"du --inodes -xS {shlex.quote(worst.mount)} | sort -rn | head"),
        breaks="new files fail with `No space left on device` though df shows room; pods are evicted",
        evidence=f"df -i: {worst.device} {worst.size} inodes, {worst.free} free; the fullest: {folder or 'not found in time'}",
    )


LARGEST_FILES = 'find "$1" -xdev -type f -size +512k -printf "%k %p\\n" 2>/dev/null | sort -rn | head -n 1'
FULLEST_FOLDERS = 'du --inodes -xS "$1" 2>/dev/null | sort -rn | head -n 1'


def _first(look: Looker, argv: tuple[str, ...]) -> str:
    """`SIZE PATH` of the first row; empty when looking takes too long: the verdict stands without it."""
    try:
        return look.run(argv, seconds=2.0).strip()
    except CouldNotLook:
        return ""


def _removal(row: str, verb: str, otherwise: str) -> str:
    """To remove what fills the disk, where it is nothing that the system needs; a person looks at it first."""
    path = row.partition(" ")[2].strip() or row.partition("\t")[2].strip()
    return otherwise if not path or path == "/" or OURS.search(path) else f"{verb} {shlex.quote(path)}"


def mount_of(path: str, mounts: str) -> tuple[str, str, frozenset[str]]:
    """Device, mount point and options of the file system that a path lies on, from /proc/mounts; the last mount counts."""
    best = ("", "", frozenset[str]())
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 4:
            continue
        point = words[1].replace("\\040", " ")
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= len(best[1]):
            best = (words[0], point, frozenset(words[3].split(",")))
    return best


def read_only(look: Looker) -> Finding:
    """File systems that a node writes to and that the kernel has shut, most often after I/O errors."""
    name = "read-only"
    mounts = look.read("/proc/mounts")
    found = {mount_of(path, mounts) for path in PLACES}
    shut = sorted(row for row in found if "ro" in row[2])
    if not shut:
        return well(name, "no file system is")
    device, point, _ = shut[0]
    errors = disk_errors(look, device.rpartition("/")[2])
    mend = f"mount -o remount,rw {point}"
    return trouble(
        name,
        f"the file system at {point} is mounted read-only{'; the kernel does so after I/O errors' if errors else ''}",
        f"save what you need, replace the disk or card; to try once more: fsck, then {mend}" if errors else mend,
        breaks="nothing can be written there: the agent seems alive, but pods, logs and updates fail",
        evidence=f"/proc/mounts: {device} {point} ro{'; kernel: ' + errors[-1] if errors else ''}",
        safe=not errors,
        undo="" if errors else f"mount -o remount,ro {point}",
    )


def disk_errors(look: Looker, device: str) -> list[str]:
    """What the kernel complained of about a device; none where its log may not be read."""
    try:
        lines = look.run(("dmesg",)).splitlines()
    except CouldNotLook:
        return []
    stem = re.sub(r"p?\d+$", "", device) if re.match(r"(sd|mmcblk|nvme|vd)", device) else device
    return [line.strip() for line in lines if stem and stem in line and DISK_ERRORS.search(line)]


def card(look: Looker) -> Finding | None:
    """eMMC tells its wear (JEDEC 84-B51: life_time in tenths, pre_eol_info); of an SD card only the kernel's errors tell."""
    name = "card"
    try:
        disks = [disk for disk in look.names("/sys/block") if re.fullmatch(r"mmcblk\d+", disk)]
    except CouldNotLook:
        return None
    said = []
    for disk_name in disks:
        said += _worn(look, disk_name)
        said += disk_errors(look, disk_name)[-1:]
    if not disks:
        return None
    if not said:
        return well(name, f"{', '.join(disks)}: no sign of wear")
    return trouble(
        name,
        f"{disks[0]} is worn or failing",
        f"save what you need and replace the card: dd if=/dev/{disks[0]} of=/mnt/{disks[0]}.img bs=4M conv=noerror,sync",
        breaks="the file system turns read-only or loses data, most likely at the next power cut",
        evidence="; ".join(said),
    )


def _worn(look: Looker, disk_name: str) -> list[str]:
    found = []
    folder = f"/sys/block/{disk_name}/device"
    try:
        lives = [int(word, 16) for word in look.read(f"{folder}/life_time").split()]
        if max(lives, default=0) >= 0x0A:
            found.append(f"{folder}/life_time: {min(max(lives) * 10, 100)} % of its life is used")
        worn = WORN.get(int(look.read(f"{folder}/pre_eol_info").strip() or "0", 16))
        if worn:
            found.append(f"{folder}/pre_eol_info: {worn}")
    except CouldNotLook:
        return found  # an SD card has neither
    return found


def disk_speed(look: Looker) -> Finding:
    """How long a small write takes to be on the disk: the store, containerd and the API wait for it."""
    name = "disk-speed"
    try:
        seconds = look.fsync(STATE)
    except CouldNotLook as error:
        return unsure(name, str(error).removeprefix("could not look: "))
    if seconds > SLOW_SECONDS:
        return trouble(
            name,
            f"a write of 4 KiB takes {seconds * 1000:.0f} ms to be on the disk under {STATE}",
            "move the data to an SSD or a card of class A1 or better; see what writes: iostat -x 1 5, or pidstat -d 1 5",
            breaks="each change of the cluster's state waits for it; leaders are lost, containers start slowly",
            evidence=f"three fsyncs in {STATE}: {seconds * 1000:.0f} ms in the middle",
        )
    return well(name, f"{seconds * 1000:.1f} ms for a write")
