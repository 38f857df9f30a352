"""What the cgroup at the root of this machine's view allows and uses: limits of a virtual node, none on a real one.

Both versions of cgroup; sources: the kernel's admin-guide/cgroup-v1/memory, scheduler/sched-bwc and admin-guide/cgroup-v2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60  # version 1 says "no limit" by the largest number of whole pages


@dataclass(frozen=True, slots=True)
class Limits:
    """`cpus` may be a fraction; None: not limited."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds since the cgroup was made, and bytes in use without what the kernel can give back at once."""

    cpu_seconds: float
    memory: int


def limits(root: Path = ROOT) -> Limits:
    """Version 2's files where they are, else version 1's; on a real machine's root cgroup there are none."""
    return Limits(_cpus(root), _memory(root), _count(_read(root / "pids/pids.max") or _read(root / "pids.max")))


def _cpus(root: Path) -> float | None:
    words = _read(root / "cpu.max").split()
    if not words:
        words = [_read(root / "cpu/cpu.cfs_quota_us"), _read(root / "cpu/cpu.cfs_period_us")]
    quota, period = (_count(word) for word in words[:2])
    return quota / period if quota and period else None


def _memory(root: Path) -> int | None:
    value = _count(_read(root / "memory.max") or _read(root / "memory/memory.limit_in_bytes"))
    return value if value and value < UNLIMITED else None


def used(root: Path = ROOT) -> Used | None:
    """None where the root cgroup keeps no account (a real machine's version 2 root)."""
    memory = _count(_read(root / "memory.current") or _read(root / "memory/memory.usage_in_bytes"))
    if memory is None:
        return None
    stat = fields(_read(root / "memory.stat") or _read(root / "memory/memory.stat"))
    idle = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    nanoseconds = _count(_read(root / "cpuacct/cpuacct.usage"))
    micro = fields(_read(root / "cpu.stat")).get("usage_usec", 0)
    seconds = nanoseconds / 1e9 if nanoseconds is not None else micro / 1e6
    return Used(seconds, max(0, memory - idle))


def processes(root: Path = ROOT) -> int | None:
    """Processes and threads in the cgroup; None where it keeps no account."""
    return _count(_read(root / "pids/pids.current") or _read(root / "pids.current"))


def fields(text: str) -> dict[str, int]:
    """`name number` lines, as in memory.stat and cpu.stat."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
