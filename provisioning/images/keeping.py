"""The archive of our own images that a master keeps, to hand to every node that joins: without it no pod starts there."""

from __future__ import annotations

from pathlib import Path

from kube.client import Client
from kube.files import write_atomic
from kube.layout import Layout
from provisioning.images.archives import build_archive
from provisioning.images.catalogue import images
from provisioning.images.loading import load_archive


def archive_path(layout: Layout) -> Path:
    return layout.state / "images/wherry.tar"


def ensure_archive(layout: Layout) -> bool:
    """Make the archive; False when it is there and the same."""
    path, content = archive_path(layout), build_archive(images())
    if path.exists() and path.read_bytes() == content:
        return False
    write_atomic(path, content, 0o644)
    return True


async def hand_own(layout: Layout, client: Client, node: str) -> str:
    """The archive to one node; what went wrong, or nothing."""
    return "".join([loaded.problem async for loaded in load_archive(client, archive_path(layout), {node})])
