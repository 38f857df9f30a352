"""A pod of the policy matrix: echoes on TCP 80, 81 and UDP 80, and for each line of targets says which of them answer."""

import asyncio
import json
import sys

PATIENCE = 0.6


async def tcp(address, port):
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"x")
        return await reader.read(1) == b"x"
    finally:
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """Sends what it hears back (`heard` None), or gives it to `heard`."""

    def __init__(self, heard=None):
        self.heard = heard

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.heard is None:
            self.transport.sendto(data, addr)
        elif not self.heard.done():
            self.heard.set_result(data)


async def udp(address, port):
    loop = asyncio.get_running_loop()
    heard = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: Datagrams(heard), remote_addr=(address, port))
    try:
        transport.sendto(b"x")
        return await heard == b"x"
    finally:
        transport.close()


async def probe(protocol, address, port):
    try:
        async with asyncio.timeout(PATIENCE):
            return await (tcp if protocol == "TCP" else udp)(address, port)
    except (OSError, TimeoutError):
        return False


async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    for port in (80, 81):
        await asyncio.start_server(echo, "0.0.0.0", port)
    await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", 80))
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        answers = await asyncio.gather(*(probe(*target) for target in json.loads(line)))
        print(json.dumps(answers), flush=True)


asyncio.run(main())
