"""Eight writers who never give up: a child of the test, in the cluster's network; a line says what was acknowledged.

usage: python -m tests.long.writing KUBECONFIG
Each creates its own ConfigMaps one after the other and counts in the last of them.  A write that fails may or may not
have happened, so its name is never used again.  Ends when its standard input is closed.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

import aiohttp

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known

WRITERS = 8
CONFIG_MAP = known("v1", "ConfigMap")


async def write(client, writer, finished):
    for number in itertools.count():
        if finished.is_set():
            return
        name = f"w{writer}-{number}"
        try:
            made = await client.create(CONFIG_MAP, "default", config_map(name, "0"))
            made["data"]["count"] = "1"
            made = await client.update(CONFIG_MAP, "default", made)
        except (ApiError, aiohttp.ClientError, OSError):
            await asyncio.sleep(0.05)
            continue
        os.write(1, f"{name} {made['metadata']['resourceVersion']}\n".encode())


def config_map(name, count):
    metadata = {"name": name, "labels": {"made": "under-fire"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"count": count}}


async def main(kubeconfig):
    finished = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, finished.set)
    async with Client.from_kubeconfig(Path(kubeconfig)) as client:
        await asyncio.gather(*(write(client, writer, finished) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
