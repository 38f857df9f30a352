"""Pods that keep more on the node's disk than they may are ended: emptyDir's sizeLimit and limits of ephemeral-storage.

How it works: only pods that have such a limit are measured, every ten seconds, in a thread: what lies in each emptyDir,
what each container wrote (the runtime counts it) and its logs.  `excess` is pure; its words are upstream's.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.pods.containers import CONTAINER_NAME
from agent.pods.places import Paths
from agent.pods.sandboxes import POD_UID
from agent.runtime.contract import Runtime, RuntimeFailure
from agent.runtime.words import Usage
from kube import quantities

log = logging.getLogger(__name__)

PERIOD = 10.0
GRACE = 1
"""Seconds that an evicted pod's containers have."""
BLOCK = 512
RESOURCE = "ephemeral-storage"
Pod = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes on the disk, by the name of the emptyDir and of the container (its own layer and its logs)."""

    volumes: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[str, int] = field(default_factory=dict)


class StorageGuard:
    """`pods` yields the pods that run; `evict` ends one by its uid, for a reason, within a grace."""

    def __init__(
        self,
        runtime: Runtime,
        paths: Paths,
        pods: Callable[[], Iterable[Pod]],
        evict: Callable[[str, str, int], None],
    ) -> None:
        self._runtime = runtime
        self._paths = paths
        self._pods = pods
        self._evict = evict

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.look()
            except (RuntimeFailure, OSError) as error:
                log.warning("storage of pods not measured error=%s", error)

    async def look(self) -> None:
        limited = [pod for pod in self._pods() if is_limited(pod)]
        if not limited:
            return
        usage = await self._runtime.usage()
        for pod in limited:
            said = excess(pod, await asyncio.to_thread(stored, pod, self._paths, usage))
            if said:
                self._evict(pod["metadata"]["uid"], said, GRACE)


def is_limited(pod: Pod) -> bool:
    return any(_size_limit(volume) for volume in _empty_dirs(pod)) or any(_limit(c) for c in pod["spec"]["containers"])


def excess(pod: Pod, found: Stored) -> str:
    """Which limit the pod is beyond; empty when it is within all."""
    for volume in _empty_dirs(pod):
        limit = _size_limit(volume)
        if limit and found.volumes.get(volume["name"], 0) > quantities.value(limit):
            return f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{limit}". '
    limits = {container["name"]: _limit(container) for container in pod["spec"]["containers"]}
    for name, limit in limits.items():
        if limit and found.containers.get(name, 0) > quantities.value(limit):
            return f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
    total = sum(quantities.value(limit) for limit in limits.values() if limit)
    if total and sum(found.volumes.values()) + sum(found.containers.values()) > total:
        whole = quantities.canonical(str(total))
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {whole}. "
    return ""


def stored(pod: Pod, paths: Paths, usage: Iterable[Usage]) -> Stored:
    meta = pod["metadata"]
    layers: dict[str, int] = {}
    for one in usage:
        if one.labels.get(POD_UID) == meta["uid"]:
            name = one.labels.get(CONTAINER_NAME, one.name)
            layers[name] = layers.get(name, 0) + one.disk
    logs = paths.log_folder(meta["namespace"], meta["name"], meta["uid"])
    names = [container["name"] for container in pod["spec"]["containers"]]
    return Stored(
        {v["name"]: taken(paths.volume(meta["uid"], "emptyDir", v["name"])) for v in _empty_dirs(pod)},
        {name: layers.get(name, 0) + taken(logs / name) for name in names},
    )


def taken(folder: Path) -> int:
    """Bytes of the disk that a folder's files take; what goes meanwhile counts no more."""
    total = 0
    for above, _, files in os.walk(folder):
        for file in files:
            try:
                total += Path(above, file).lstat().st_blocks * BLOCK
            except FileNotFoundError:
                continue
    return total


def _empty_dirs(pod: Pod) -> list[Mapping[str, Any]]:
    """Those on the disk: one in memory is a file system of its own size."""
    volumes = pod["spec"].get("volumes") or ()
    return [v for v in volumes if "emptyDir" in v and (v["emptyDir"] or {}).get("medium") != "Memory"]


def _size_limit(volume: Mapping[str, Any]) -> str:
    limit = str((volume["emptyDir"] or {}).get("sizeLimit") or "")
    return limit if limit and quantities.value(limit) else ""


def _limit(container: Mapping[str, Any]) -> str:
    return str(((container.get("resources") or {}).get("limits") or {}).get(RESOURCE) or "")
