"""An image archive into containerd, as it streams in.

How it works: `ctr images import -` (of the containerd package itself) reads the archive from its standard input, checks
the digests, takes a lease for as long as it works and unpacks the layers; the CRI half of containerd hears of the new
image by containerd's own events.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable
from pathlib import Path

from agent.runtime.contract import RuntimeFailure

UNPACKED = re.compile(r"^unpacking (\S+)", re.MULTILINE)


async def import_archive(socket: Path, namespace: str, chunks: AsyncIterable[bytes]) -> list[str]:
    """The names of the images in the archive; RuntimeFailure with containerd's own words when it is no good."""
    command = ("ctr", "--address", str(socket), "--namespace", namespace, "images", "import", "--all-platforms", "-")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    heard = asyncio.gather(_read(child.stdout), _read(child.stderr))
    try:
        await _feed(child, chunks)
        out, err = await heard
        code = await child.wait()
    except BaseException:
        if child.returncode is None:
            child.kill()
        heard.cancel()
        await child.wait()
        raise
    if code != 0:
        raise RuntimeFailure("INVALID_ARGUMENT", _complaint(err) or f"ctr ended with {code}")
    return UNPACKED.findall(out)


async def _feed(child: asyncio.subprocess.Process, chunks: AsyncIterable[bytes]) -> None:
    """A child that gave up early closes its input: its own words follow, so that is no error here."""
    assert child.stdin is not None
    try:
        async for chunk in chunks:
            child.stdin.write(chunk)
            await child.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return
    child.stdin.close()


async def _read(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode(errors="replace") if stream else ""


def _complaint(err: str) -> str:
    lines = [line.removeprefix("ctr: ") for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else ""
