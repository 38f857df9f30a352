"""So many connections at once to a forwarded port: PORT COUNT; prints how many were answered, then leaves some idle ones."""

import asyncio
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])


async def one():
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    data = await asyncio.wait_for(reader.read(), 40)
    writer.close()
    return b"pod web" in data


async def main():
    print(sum(await asyncio.gather(*(one() for _ in range(count)))))
    await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(5)))


asyncio.run(main())
