"""Eight clients that create ConfigMaps until every one is acknowledged: `creating.py NAMESPACE PREFIX COUNT`.

Prints each name when its create was acknowledged.  What fails is tried again; "already exists" after a link that broke is
an answer too, but no acknowledgement: the name is printed with a `?`.
"""

import asyncio
import os
import sys

import aiohttp

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known

CONFIG_MAP = known("v1", "ConfigMap")


async def create_all(client, namespace, names):
    for name in names:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}
        while True:
            try:
                await client.create(CONFIG_MAP, namespace, body)
                print(name, flush=True)
                break
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    print(f"{name}?", flush=True)
                    break
                await asyncio.sleep(0.05)
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(0.05)


async def main(namespace, prefix, count):
    names = iter([f"{prefix}-{number}" for number in range(count)])
    async with Client.from_kubeconfig(os.environ["KUBECONFIG"]) as client:
        await asyncio.gather(*(create_all(client, namespace, names) for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
