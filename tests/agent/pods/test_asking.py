"""What an HTTP probe makes of the answers."""

import asyncio

import pytest

from agent.pods.handling import Asked, Outcome, ask

ANSWERS = {
    "/ok": "200 OK\r\n",
    "/broken": "500 Internal Server Error\r\n",
    "/to-ok": "302 Found\r\nLocation: /ok\r\n",
    "/to-broken": "302 Found\r\nX: y\r\nlocation: /broken\r\n",
    "/elsewhere": "302 Found\r\nLocation: http://192.0.2.9/broken\r\n",
    "/round": "302 Found\r\nLocation: /round\r\n",
}


@pytest.fixture
async def port():
    async def answer(reader, writer):
        path = (await reader.readline()).decode().split()[1]
        writer.write(f"HTTP/1.1 {ANSWERS[path]}\r\n<a>Found</a>.".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/ok", Outcome.SUCCESS),
        ("/broken", Outcome.FAILURE),
        ("/to-ok", Outcome.SUCCESS),
        ("/to-broken", Outcome.FAILURE),
        ("/elsewhere", Outcome.WARNING),
        ("/round", Outcome.FAILURE),
    ],
)
async def test_redirects_are_followed_within_the_host(port, path, outcome):
    answer = await ask(None, {"httpGet": {"path": path, "port": port}}, Asked("c", "127.0.0.1", {}), 5)
    assert answer.outcome is outcome
    assert answer.done  # a lifecycle hook is content with any answer


async def test_a_redirect_to_another_host_is_told_with_its_body(port):
    answer = await ask(None, {"httpGet": {"path": "/elsewhere", "port": port}}, Asked("c", "127.0.0.1", {}), 5)
    assert answer.said == "Probe terminated redirects, Response body: <a>Found</a>."
