"""Health check node ports: which there are, and what they say."""

import json
import socket

import aiohttp
import pytest

from agent.proxy.health import Check, HealthPorts, checks
from agent.services import Endpoint, Service


def service(*endpoints, **more):
    more = {"external_local": True, "health_port": 30999} | more
    return Service("default", "web", endpoints=endpoints, **more)


HERE, AWAY = Endpoint("10.42.0.2", (), node="n1"), Endpoint("10.42.1.2", (), node="n2")
ENDING = Endpoint("10.42.0.3", (), node="n1", ready=False, terminating=True)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (service(HERE, AWAY), {30999: Check(("default", "web"), 1)}),
        (service(AWAY, ENDING), {30999: Check(("default", "web"), 0)}),
        (service(HERE, external_local=False), {}),
        (service(HERE, health_port=0), {}),
    ],
)
def test_what_is_checked(found, wanted):
    assert checks([found], "n1") == wanted


async def test_the_port_says_how_many_endpoints_are_here():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = HealthPorts("127.0.0.1")
    url = f"http://127.0.0.1:{port}/healthz"
    async with aiohttp.ClientSession() as session:
        for endpoints, status in ((2, 200), (0, 503)):
            await ports.update({port: Check(("default", "web"), endpoints)})
            async with session.get(url) as answer:
                assert answer.status == status
                assert json.loads(await answer.text())["localEndpoints"] == endpoints
        await ports.close()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_a_port_that_is_taken_stops_nobody():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = HealthPorts("127.0.0.1")
        await ports.update({taken.getsockname()[1]: Check(("default", "web"), 1)})
        await ports.close()
