"""Who may run commands on a node, what a command is, and what is written down of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from agent.api import commands
from agent.api.access import ADMITTED, Access, Caller
from kube.errors import ApiError

ADMIN = Caller("kubernetes-admin", ("system:masters",))


class Reviews:
    """An API that grants everything on nodes but what is refused by name."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.asked = refused, list[tuple[str, str]]()

    async def create(self, _kind: Any, _namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = body["spec"]["resourceAttributes"]
        self.asked.append((asked["verb"], asked["subresource"]))
        return {"status": {"allowed": asked["subresource"] not in self.refused}}


def certificate(name: str, *groups: str) -> dict[str, Any]:
    rows = [("commonName", name), *(("organizationName", group) for group in groups)]
    return {"subject": tuple((row,) for row in rows)}


async def test_rights_to_all_else_of_a_node_do_not_reach_commands() -> None:
    reviews = Reviews("commands")
    access = Access(reviews, "n1", lambda: 0.0)  # type: ignore[arg-type]
    for name, group in (("viewer", "system:authenticated"), ("system:node:n1", "system:nodes")):
        with pytest.raises(ApiError, match="cannot create nodes/commands"):
            await access.admit("POST", "/commands", certificate(name, group), "")
    assert set(reviews.asked) == {("create", "commands")}
    with pytest.raises(ApiError) as nobody:
        await access.admit("POST", "/commands", None, "")
    assert nobody.value.status == 401
    assert await access.admit("POST", "/commands", certificate("a", "system:masters"), "")


async def post(body: bytes, caller: Caller = ADMIN) -> tuple[int, dict[str, Any]]:
    """What the handler answers a caller that was admitted."""

    @web.middleware
    async def admitted(request: web.Request, handler: Any) -> web.StreamResponse:
        request[ADMITTED] = caller
        try:
            answer: web.StreamResponse = await handler(request)
        except ApiError as error:
            return web.json_response(error.to_status(), status=error.status)
        return answer

    app = web.Application(middlewares=[admitted])
    app.router.add_post("/commands", commands.run)
    async with TestClient(TestServer(app)) as client, client.post("/commands", data=body) as answer:
        return answer.status, await answer.json()


async def test_a_command_is_fed_and_heard_out() -> None:
    line = json.dumps(["sh", "-c", 'cat; echo "$1" >&2; exit 3', "sh", "a; b $(id)"]).encode()
    assert await post(line + b"\nfed\0") == (200, {"code": 3, "output": "fed\0", "errors": "a; b $(id)\n"})
    assert (await post(b'["/no/such"]\n'))[1]["code"] == 127
    assert (await post(b'["true"]\n' + b"x" * 300_000))[1]["code"] == 0, "it need not read what it is fed"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'"sh"',
        b'["sh", 1]',
        b'["a\\u0000"]',
        b'["\\ud800"]',
        b"[" * 50_000,
        b"\xff",
        b'["' + b"a" * 600_000,
    ],
    ids=["nothing", "no-words", "object", "text", "number", "NUL", "half-a-pair", "deep", "no-UTF-8", "endless"],
)
async def test_what_is_no_command_is_refused(line: bytes) -> None:
    status, said = await post(line + b"\n")
    assert (status, said["reason"]) == (400, "BadRequest")


async def test_the_api_server_s_own_identity_is_refused() -> None:
    status, said = await post(b'["id"]\n', Caller(commands.PROXY, ("system:masters",)))
    assert (status, said["reason"]) == (403, "Forbidden")


async def test_a_command_ends_with_all_it_began_when_nobody_waits_for_it(tmp_path: Any) -> None:
    pid = tmp_path / "pid"

    async def nothing() -> Any:
        return
        yield b""

    words = ["sh", "-c", 'sleep 600 & echo $! > "$1.new"; mv "$1.new" "$1"; wait', "sh", str(pid)]
    running = asyncio.ensure_future(commands.converse(words, nothing()))
    async with asyncio.timeout(10):
        while not pid.exists():
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(10):  # the kernel ends it in its own time
        while alive(int(pid.read_text())):
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_line_written_down_is_one_line_and_short() -> None:
    said = commands.audit("admin", "10.0.0.1", ["sh", "-c", "x\ny" * 500])
    assert said.startswith("'admin' from 10.0.0.1 runs \"sh -c 'x\\ny")
    assert "\n" not in said
    assert len(said) < 2 * commands.MOST_SHOWN + 100
