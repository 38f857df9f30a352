"""This machine and its runtime as they are now: what the Node's status, the numbers and the evictions ask for, each time anew."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.api.sampling import Look, NodeUse
from agent.network.running import Network
from agent.node.capacity import Capacity, LoadMeter, system_info
from agent.node.objects import Health, Object
from agent.node.ranking import Use, Uses
from agent.node.thresholds import Level, Levels
from agent.pods.containers import CONTAINER_NAME
from agent.pods.sandboxes import POD_UID
from agent.runtime.client import Containerd
from agent.runtime.contract import RuntimeFailure
from probes import cgroups

MAX_IMAGES = 50  # as many images as a Node's status names
PROC = Path("/proc")


@dataclass
class Machine:
    """`disk` lies on the file system of pods, logs and images; `pressures` are the conditions that hold."""

    runtime: Containerd
    network: Network
    meter: LoadMeter
    has: Capacity
    disk: Path
    version: str
    pressures: Callable[[], frozenset[str]] = frozenset

    async def health(self) -> Health:
        problem = ""
        try:
            await self.runtime.version()
        except RuntimeFailure as error:
            problem = f"container runtime is down: {error}"
        return Health(problem, self.network.problem, self.pressures())

    async def info(self) -> dict[str, str]:
        version = await self.runtime.version()
        return system_info(f"containerd://{version.version}", f"v1.36.0+wherry{self.version}")

    async def images(self) -> list[Object]:
        found = sorted(await self.runtime.list_images(), key=lambda image: -image.size)[:MAX_IMAGES]
        return [{"names": [*image.digests, *image.tags], "sizeBytes": image.size} for image in found]

    def levels(self) -> Levels:
        """What is left of what pods use up; images lie with everything else."""
        at = os.statvfs(self.disk)
        room = Level(at.f_bavail * at.f_frsize, at.f_blocks * at.f_frsize)
        inodes = Level(at.f_ffree, at.f_files)
        return {
            "memory.available": Level(self.meter.available_memory(), self.has.memory),
            "nodefs.available": room,
            "imagefs.available": room,
            "pid.available": processes(self.meter.limits),
        } | ({"nodefs.inodesFree": inodes, "imagefs.inodesFree": inodes} if inodes.capacity else {})

    async def uses(self) -> Uses:
        found: dict[str, dict[str, Use]] = {}
        for one in await self.runtime.usage():
            uid, name = one.labels.get(POD_UID, ""), one.labels.get(CONTAINER_NAME, "")
            found.setdefault(uid, {})[name] = Use(one.working_set, one.disk)
        return found

    async def look(self) -> Look:
        """What the node and its containers use now; a container that has ended is told by the runtime without a time."""
        disk = psutil.disk_usage(str(self.disk))
        containers = [one for one in await self.runtime.usage() if one.time]
        images = await self.runtime.image_filesystems()
        memory = self.has.memory - self.meter.available_memory()
        use = NodeUse(
            time.time(), self.meter.cpu_seconds(), memory, self.has.memory, disk.used, disk.total, self.has.cpus
        )
        return Look(use, containers, images)


def processes(limits: cgroups.Limits, proc: Path = PROC) -> Level:
    """Processes and threads that can still be made, by the cgroup's account where it has a limit."""
    most = int((proc / "sys/kernel/pid_max").read_text())
    if limits.pids:
        most = min(most, limits.pids)
    used = cgroups.processes() if limits.pids else None
    if used is None:
        used = int((proc / "loadavg").read_text().split()[3].partition("/")[2])
    return Level(max(0, most - used), most)


def release() -> str:
    """wherry's own version, as its installation names it; importlib.metadata would tell it for 3 MiB."""
    found = (folder for place in sys.path for folder in Path(place).glob("wherry-*.dist-info"))
    return next(found, Path("wherry-0.dist-info")).name.removeprefix("wherry-").removesuffix(".dist-info")
