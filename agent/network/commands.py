"""iproute2 in a child process; a refusal keeps its own words."""

from __future__ import annotations

import asyncio

_IP = "/usr/sbin/ip"


class NetworkError(Exception):
    """The kernel or a program refused; the text says what and what to do."""


async def ip(*words: str, text: str = "") -> str:
    child = await asyncio.create_subprocess_exec(
        _IP,
        *words,
        stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate(text.encode() or None)
    if child.returncode:
        raise NetworkError(f"ip {' '.join(words)}: {errors.decode(errors='replace').strip()}")
    return output.decode()
