"""Images that nodes have already: a pod starts sooner where nothing has to be pulled."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from kube.images import full_name

MIB = 1024 * 1024
LEAST, MOST = 23 * MIB, 1000 * MIB
"""Sizes between which locality counts: less is pulled soon enough, and more counts no more (for each container)."""


def read_images(items: Iterable[Mapping[str, Any]] | None) -> dict[str, int]:
    """Sizes in bytes by each of the images' names."""
    return {
        sys.intern(full_name(name)): item.get("sizeBytes") or 0
        for item in items or ()
        for name in item.get("names") or ()
    }


def share(images: tuple[str, ...], present: Mapping[str, int]) -> float:
    """How much of what the pod needs is there: 0 nothing worth mentioning, 1 all that counts."""
    if not images or not present:
        return 0.0
    there = sum(present.get(image, 0) for image in images)
    return min(max(there - LEAST, 0) / (MOST * len(images) - LEAST), 1.0)
