"""The directories that were made on this node for claims: removed when the master says that nobody needs them."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from pathlib import Path

from aiohttp import web

from kube.errors import bad_request

log = logging.getLogger(__name__)

FOLDER = Path("/var/lib/wherry/volumes")
_NAME = re.compile(r"pvc-[0-9a-f][0-9a-f-]*", re.ASCII)


async def remove(request: web.Request, folder: Path = FOLDER) -> web.StreamResponse:
    """DELETE /volumes/NAME: the directory goes with all that is in it; one that is not there is gone already."""
    name = request.match_info["name"]
    if not _NAME.fullmatch(name):
        raise bad_request(f"not the name of a provisioned volume: {name}")
    await asyncio.to_thread(empty, folder / name)
    log.info("volume removed name=%s", name)
    return web.json_response({})


def empty(path: Path) -> None:
    """A symbolic link in its place is removed, not followed."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
