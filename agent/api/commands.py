"""A command on this machine, as root, for the operator's `master`: `POST /commands`, a line of JSON (the argv), then its input.

The answer is `{"code", "output", "errors"}`.  It needs the right to create nodes/commands, which no role names: it comes with
cluster-admin alone.  The API server itself is refused, since it would ask in the name of whoever may use its proxy to nodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from agent.api.access import ADMITTED
from kube.errors import ApiError, bad_request

log = logging.getLogger(__name__)

PROXY = "kube-apiserver-kubelet-client"
MOST_SHOWN = 300
"""Characters of a command in the log."""


async def run(request: web.Request) -> web.StreamResponse:
    """Runs the command to its end; it is killed, with all that it began, when who asked for it goes away."""
    caller = request[ADMITTED]
    if caller.name == PROXY:
        raise ApiError(
            403, "Forbidden", "commands are taken from a master's operator, not through the API server's proxy"
        )
    try:
        argv = parse(await request.content.readline())
    except LineTooLong as error:
        raise bad_request("the first line is longer than a command's words may be") from error
    log.info("%s", audit(caller.name, request.remote or "", argv))
    try:
        return web.json_response(await converse(argv, request.content.iter_any()))
    except OSError as error:
        return web.json_response({"code": 127, "output": "", "errors": f"{argv[0]}: {error.strerror}"})


def audit(name: str, address: str, argv: list[str]) -> str:
    """Who ran what from where, in one line whatever the words hold; what a command is fed is not told, it may be secret."""
    return f"{name!r} from {address} runs {shlex.join(argv)[:MOST_SHOWN]!r}"


def parse(line: bytes) -> list[str]:
    """The argv; ApiError 400 when the line is none."""
    try:
        argv = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise bad_request("the first line must be a command's words as a JSON list") from error
    if not isinstance(argv, list) or not argv or not all(is_word(word) for word in argv):
        raise bad_request("the first line must be a command's words as a JSON list")
    return argv


def is_word(word: object) -> bool:
    """What a process can be given: text without NUL, in UTF-8."""
    if not isinstance(word, str) or "\0" in word:
        return False
    try:
        word.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


async def converse(argv: list[str], content: AsyncIterator[bytes]) -> dict[str, Any]:
    """Feeds a command and hears it out."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    assert child.stdin and child.stdout and child.stderr
    try:
        output, errors, _ = await asyncio.gather(child.stdout.read(), child.stderr.read(), feed(child.stdin, content))
        code = await child.wait()
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return {"code": code, "output": output.decode(errors="replace"), "errors": errors.decode(errors="replace")}


async def feed(stdin: asyncio.StreamWriter, content: AsyncIterator[bytes]) -> None:
    """A command that ends before it has read everything is no failure: its exit code tells."""
    with contextlib.suppress(ConnectionError, RuntimeError):  # RuntimeError: uvloop's word for a closed pipe
        async for part in content:
            stdin.write(part)
            await stdin.drain()
        stdin.close()
