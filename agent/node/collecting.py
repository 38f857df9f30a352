"""Images that nothing runs from, taken off a disk that fills up: the kubelet's thresholds and order, and a promise of our own.

Contract: `run` looks each PERIOD, and once more than `high` percent of the disk are taken frees down to `low` percent;
`reclaim` frees all it may, so that pods may be spared an eviction.

The promise: an image goes only when its registry has just answered for it, by its digest and without credentials.  The
runtime is told to pull it again, which fetches nothing that is there.  What an archive brought, what came from a registry
that is away, and what a registry gives to some only, stays: a node on its own could not get it back.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.node.evicting import Say
from agent.node.thresholds import Level
from agent.runtime.contract import Runtime, RuntimeFailure
from agent.runtime.words import Image
from kube.images import registry

log = logging.getLogger(__name__)

PERIOD = 300.0
REGISTRY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Percentages of the disk that may be taken, and the seconds that an image is left alone after it came."""

    high: int = 85
    low: int = 80
    age: float = 120.0


@dataclass(frozen=True, slots=True)
class Known:
    """When an image was first seen, and last seen in use (0: never)."""

    since: float
    used: float = 0.0


def to_free(rule: Rule, disk: Level) -> int:
    """Bytes; 0 while the disk has room."""
    if not disk.capacity or 100 - disk.available * 100 // disk.capacity < rule.high:
        return 0
    return max(0, disk.capacity * (100 - rule.low) // 100 - disk.available)


def in_use(image: Image, used: Collection[str]) -> bool:
    return image.pinned or any(name in used for name in (image.id, *image.tags, *image.digests))


def remembered(
    known: Mapping[str, Known], images: Iterable[Image], used: Collection[str], now: float
) -> dict[str, Known]:
    """What is known of each image after this look."""
    found = {image.id: known.get(image.id, Known(now)) for image in images}
    return found | {i.id: Known(found[i.id].since, now) for i in images if in_use(i, used)}


def spare(images: Iterable[Image], known: Mapping[str, Known], now: float, age: float) -> list[Image]:
    """Those of no use that are old enough and have a digest to pull them by, the longest unused first."""
    found = [image for image in images if image.digests and known[image.id].used < now]
    old = [image for image in found if now - known[image.id].since >= age]
    return sorted(old, key=lambda image: (known[image.id].used, known[image.id].since))


@dataclass
class Collector:
    """`disk` is where images lie; `wanted` names the images of the node's pods and the runtime's own."""

    runtime: Runtime
    rule: Rule
    disk: Callable[[], Level]
    wanted: Callable[[], Iterable[str]]
    say: Say
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, Known] = field(default_factory=dict)
    _refused: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except RuntimeFailure as failure:
                log.warning("images not collected error=%s", failure)
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        images, now = await self._look()
        wanted = to_free(self.rule, self.disk())
        freed = await self._free(spare(images, self._known, now, self.rule.age), wanted) if wanted else 0
        if freed < wanted:
            asked = f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes"
            self.say("Warning", "FreeDiskSpaceFailed", f"{asked}, but only found {freed} bytes eligible to free.")

    async def reclaim(self) -> None:
        """Everything of no use, however new."""
        images, now = await self._look()
        await self._free(spare(images, self._known, now, 0.0), sys.maxsize)

    async def _look(self) -> tuple[Sequence[Image], float]:
        images, containers, now = await self.runtime.list_images(), await self.runtime.list_containers(), self.clock()
        used = {name for one in containers for name in (one.image, one.image_ref)} | set(self.wanted())
        self._known = remembered(self._known, images, used, now)
        return images, now

    async def _free(self, images: Iterable[Image], wanted: int) -> int:
        """A registry that is silent is asked once, so that nobody waits for it long."""
        freed, silent = 0, set[str]()
        for image in images:
            if freed >= wanted:
                break
            digest = image.digests[0]
            if registry(digest) in silent or self._refused.get(digest, 0.0) > self.clock():
                continue
            try:
                async with asyncio.timeout(REGISTRY_SECONDS):
                    await self.runtime.pull_image(digest)
            except (RuntimeFailure, TimeoutError) as error:
                log.info("an unused image stays, it could not be pulled again image=%s error=%s", digest, error)
                self._refused[digest] = self.clock() + PERIOD
                if isinstance(error, TimeoutError):
                    silent.add(registry(digest))
                continue
            log.info("removing an unused image id=%s tags=%s bytes=%d", image.id, image.tags, image.size)
            await self.runtime.remove_image(image.id)
            freed += image.size
        return freed
