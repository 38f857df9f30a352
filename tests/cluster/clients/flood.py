"""Asks for pods with TOKEN over CONNECTIONS at once for SECONDS; prints how many answers had which status."""

import asyncio
import collections
import json
import os
import ssl
import sys
import time
from pathlib import Path

import aiohttp
import yaml

token, connections, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
server = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())["clusters"][0]["cluster"]["server"]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


async def main():
    seen, waits, end = collections.Counter(), set(), time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    async with aiohttp.ClientSession(server, connector=connector, headers=headers) as session:

        async def one():
            while time.monotonic() < end:
                async with session.get("/api/v1/namespaces/default/pods/none") as answer:
                    await answer.read()
                    seen[answer.status] += 1
                    if answer.status == 429:
                        waits.add(answer.headers.get("Retry-After"))

        await asyncio.gather(*(one() for _ in range(connections)))
    print(json.dumps({"seen": seen, "waits": sorted(waits)}))


asyncio.run(main())
