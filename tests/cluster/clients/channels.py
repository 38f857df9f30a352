"""exec over a WebSocket of the protocol given, by hand; prints stdout and the error channel.  NAMESPACE POD PROTOCOL FOLDER."""

import asyncio
import base64
import json
import os
import ssl
import sys
from pathlib import Path

import aiohttp
import yaml

namespace, pod, protocol = sys.argv[1:4]
folder = Path(sys.argv[4])
config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
server = config["clusters"][0]["cluster"]["server"]
user = config["users"][0]["user"]


def context():
    """Shows the administrator's certificate; the server is not what is tested here."""
    found = ssl.create_default_context()
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    files = [folder / name for name in ("client-certificate-data", "client-key-data")]
    for file in files:
        file.write_bytes(base64.b64decode(user[file.name]))
    found.load_cert_chain(*files)
    return found


async def main():
    said = {1: b"", 3: b""}
    url = f"{server}/api/v1/namespaces/{namespace}/pods/{pod}/exec?command=echo&command=hello&stdout=1&stderr=1"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=(protocol,), ssl=context()) as socket,
    ):
        chosen = socket.protocol
        async for message in socket:
            if isinstance(message.data, str):
                channel, data = int(message.data[0]), base64.b64decode(message.data[1:])
            else:
                channel, data = message.data[0], message.data[1:]
            said[channel] = said.get(channel, b"") + data
    print(json.dumps([chosen, said[1].decode(), said[3].decode()]))


asyncio.run(main())
