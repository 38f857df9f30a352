"""What this machine has and how busy it is: psutil for the host, the cgroup for a virtual node's share of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from probes import boards, cgroups


@dataclass(frozen=True, slots=True)
class Capacity:
    """`cpus` in cores (a fraction under a cgroup's quota), the rest in bytes; `disk` is the file system of `root`."""

    cpus: float
    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Load:
    """Shares between 0 and 1 of what the node has; `temperature` in °C, None where no sensor answers."""

    cpu: float
    memory: float
    disk: float
    temperature: float | None = None

    def to_json(self) -> dict[str, float]:
        known = {"cpu": self.cpu, "memory": self.memory, "disk": self.disk, "temperature": self.temperature}
        return {name: round(value, 3) for name, value in known.items() if value is not None}


def capacity(root: Path, limits: cgroups.Limits) -> Capacity:
    host_cpus = float(psutil.cpu_count() or 1)
    host_memory = int(psutil.virtual_memory().total)
    return Capacity(
        cpus=min(host_cpus, limits.cpus or host_cpus),
        memory=min(host_memory, limits.memory or host_memory),
        disk=int(psutil.disk_usage(str(root)).total),
    )


@dataclass
class LoadMeter:
    """Load since the last look; the first look covers the time since the meter was made."""

    root: Path
    limits: cgroups.Limits
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._busy, self._at = self.cpu_seconds(), self.clock()

    def read(self) -> Load:
        has = capacity(self.root, self.limits)
        busy, now = self.cpu_seconds(), self.clock()
        seconds = max(now - self._at, 1e-3)
        cpu = (busy - self._busy) / seconds / has.cpus
        self._busy, self._at = busy, now
        disk = psutil.disk_usage(str(self.root))
        return Load(
            cpu=min(1.0, max(0.0, cpu)),
            memory=1 - self.available_memory() / has.memory,
            disk=disk.percent / 100,
            temperature=temperature(),
        )

    def available_memory(self) -> int:
        """Bytes that can still be had, by the cgroup's account where it has a limit."""
        host = int(psutil.virtual_memory().available)
        if not self.limits.memory:
            return host
        used = cgroups.used()
        return host if used is None else max(0, min(host, self.limits.memory - used.memory))

    def cpu_seconds(self) -> float:
        """CPU time spent since the node's start."""
        used = cgroups.used() if self.limits.cpus else None
        if used is not None:
            return used.cpu_seconds
        times = psutil.cpu_times()
        return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def temperature() -> float | None:
    """The hottest sensor of the processor in °C."""
    sensors = psutil.sensors_temperatures()
    readings = [
        r.current for name in ("cpu_thermal", "coretemp", "k10temp", "soc_thermal") for r in sensors.get(name, ())
    ]
    return max(readings, default=None)


def system_info(runtime_version: str, agent_version: str) -> dict[str, str]:
    """Node.status.nodeInfo."""
    return {
        "machineID": _line(Path("/etc/machine-id")),
        "systemUUID": _line(Path("/sys/class/dmi/id/product_uuid")) or _line(Path("/etc/machine-id")),
        "bootID": _line(Path("/proc/sys/kernel/random/boot_id")),
        "kernelVersion": platform.release(),
        "osImage": _os_name(),
        "containerRuntimeVersion": runtime_version,
        "kubeletVersion": agent_version,
        "kubeProxyVersion": agent_version,
        "operatingSystem": "linux",
        "architecture": boards.architecture(platform.machine()),
    }


def _os_name() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
