"""What processes cost: their CPU seconds and their memory, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def command_lines() -> Iterator[tuple[int, list[bytes]]]:
    for entry in PROC.glob("[0-9]*"):
        try:
            yield int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended while we looked
            continue


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pids: Iterable[int]) -> float:
    """MiB that these processes hold together, as if they were alone on the machine.

    That is their PSS, but a file's page that strangers map too (an interpreter's, say) counts here in full: once for
    the group.  So another process on the machine cannot make the figure better.
    """
    kib = 0
    files: dict[tuple[str, str, str], int] = {}
    for pid in pids:
        for name, sizes in _mappings((PROC / str(pid) / "smaps").read_text()):
            if name[2] == "0":
                kib += sizes["Pss"]
            else:
                kib += sizes["Anonymous"]
                files[name] = max(files.get(name, 0), sizes["Rss"] - sizes["Anonymous"])
    return (kib + sum(files.values())) / 1024


def _mappings(smaps: str) -> Iterator[tuple[tuple[str, str, str], dict[str, int]]]:
    """Each mapping's offset, device and inode, and its sizes in KiB.  Format: proc(5), /proc/pid/smaps."""
    name, sizes = ("", "", ""), dict[str, int]()
    for line in smaps.splitlines():
        words = line.split()
        if words[0].endswith(":"):
            if words[-1] == "kB":
                sizes[words[0][:-1]] = int(words[1])
            continue
        if sizes:
            yield name, sizes
        name, sizes = (words[2], words[3], words[4]), {}
    if sizes:
        yield name, sizes


def calibration() -> float:
    """CPU seconds of a fixed piece of work: tells a slow or busy machine from a slow program."""
    begin = os.times()
    total = 0
    for number in range(5_000_000):
        total += number & 7
    assert total == 17_500_000
    end = os.times()
    return end.user + end.system - begin.user - begin.system
