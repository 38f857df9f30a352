"""Requests passed on: methods, bodies, redirects, refusals, upgraded connections; and what a proxy's name means."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from kube.errors import ApiError
from master.api.forwarding import Onward, forward, relocated
from master.api.proxying import Name, parse_name, split_path

BASE = "/api/v1/namespaces/n/pods/p/proxy"


@asynccontextmanager
async def listening(handler):
    """A server of one handler; its address."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[:2]
    finally:
        await runner.cleanup()


async def far_end(request):
    """Says what it was asked; a WebSocket echoes."""
    if request.path == "/ws":
        socket = web.WebSocketResponse(protocols=("echo",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket
    if request.path == "/away":
        return web.Response(status=302, headers={"Location": f"http://{request.host}/there?x=1"})
    said = {"method": request.method, "path": request.raw_path, "body": (await request.read()).decode()}
    said["headers"] = dict(request.headers)
    return web.json_response(said, headers={"X-Kept": "yes"})


@pytest.fixture
async def proxied():
    """A client's session whose requests below BASE reach the far end."""
    async with listening(far_end) as (host, port):

        async def pass_on(request):
            rest = request.raw_path.removeprefix(BASE)
            onward = Onward(lambda: asyncio.open_connection(host, port), f"{host}:{port}", rest, BASE)
            return await forward(request, onward)

        async with listening(pass_on) as (own, at), aiohttp.ClientSession(f"http://{own}:{at}") as session:
            yield session


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method_with_path_and_query_as_they_came(proxied, method):
    async with proxied.request(method, f"{BASE}/a%2Fb/?q=%20x&q=2", data="body" if method != "GET" else None) as answer:
        said = await answer.json()
        assert (said["method"], said["path"]) == (method, "/a%2Fb/?q=%20x&q=2")
        assert said["body"] == ("" if method == "GET" else "body")
        assert answer.headers["X-Kept"] == "yes"


async def test_the_callers_token_stays_here(proxied):
    async with proxied.get(f"{BASE}/", headers={"Authorization": "Bearer secret", "X-Own": "1"}) as answer:
        headers = (await answer.json())["headers"]
    assert "Authorization" not in headers
    assert headers["X-Own"] == "1" and headers["X-Forwarded-Uri"] == f"{BASE}/"


async def test_a_head_has_no_body_and_a_long_body_streams(proxied):
    async with proxied.head(f"{BASE}/") as answer:
        assert answer.status == 200 and await answer.read() == b""

    async def blocks():
        for _ in range(50):
            yield b"x" * 10_000

    async with proxied.post(f"{BASE}/", data=blocks()) as answer:
        assert len((await answer.json())["body"]) == 500_000


async def test_a_redirect_stays_below_the_proxy(proxied):
    async with proxied.get(f"{BASE}/away", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{BASE}/there?x=1")


def test_a_redirect_elsewhere_is_left_alone():
    onward = Onward(None, "10.0.0.1:80", "/", BASE)
    assert relocated("https://example.com/x", onward) == "https://example.com/x"
    assert relocated("relative", onward) == "relative"


async def test_a_websocket_goes_through(proxied):
    async with proxied.ws_connect(f"{BASE}/ws", protocols=("echo",)) as socket:
        assert socket.protocol == "echo"
        await socket.send_str("hello")
        assert (await socket.receive(timeout=5)).data == "HELLO"


async def test_a_client_that_goes_ends_both_connections():
    gone = asyncio.Event()

    async def waits(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        if not await reader.read():
            gone.set()
        writer.close()

    async with await asyncio.start_server(waits, "127.0.0.1", 0) as far:
        host, port = far.sockets[0].getsockname()

        async def pass_on(request):
            return await forward(request, Onward(lambda: asyncio.open_connection(host, port), "far", "/"))

        async with listening(pass_on) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            assert b"101" in await reader.readline()
            writer.close()
            await asyncio.wait_for(gone.wait(), 5)


async def test_what_cannot_be_reached_is_unavailable():
    async def nobody():
        raise ConnectionRefusedError("refused")

    async def pass_on(request):
        try:
            return await forward(request, Onward(nobody, "far", "/"))
        except ApiError as error:
            return web.Response(status=error.status, text=error.message)

    async with listening(pass_on) as (host, port), aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}:{port}/") as answer:
            assert (answer.status, await answer.text()) == (503, "error trying to reach service: refused")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web", Name("", "web", "")),
        ("web:80", Name("", "web", "80")),
        ("https:web:443", Name("https", "web", "443")),
        ("http:web:", Name("http", "web", "")),
    ],
)
def test_a_proxys_name(text, name):
    assert parse_name(text, "pod") == name


@pytest.mark.parametrize("text", ["ftp:web:80", "a:b:c:d", ":80", "http::80"])
def test_what_is_no_proxys_name(text):
    with pytest.raises(ApiError, match="invalid pod request"):
        parse_name(text, "pod")


@pytest.mark.parametrize(
    ("path", "namespaced", "expected"),
    [
        (f"{BASE}/a%2Fb//c/", True, (BASE, "/a%2Fb//c/")),
        (BASE, True, (BASE, "")),
        ("/api/v1/nodes/n/proxy/metrics", False, ("/api/v1/nodes/n/proxy", "/metrics")),
    ],
)
def test_where_the_proxied_path_begins(path, namespaced, expected):
    assert split_path(path, namespaced) == expected
