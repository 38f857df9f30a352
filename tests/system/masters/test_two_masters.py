"""What two masters over one etcd owe to each other and to their clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from kube.errors import ApiError
from kube.kinds import known
from tests.system.masters.processes import Master

ENDPOINTS = known("v1", "Endpoints")
CONFIG_MAP = known("v1", "ConfigMap")
LINK_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


async def until(condition: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            try:
                if found := await condition():
                    return found
            except (ApiError, *LINK_FAILURES):
                pass  # not up yet, or down: that is what is waited for
            await asyncio.sleep(0.1)


async def endpoints(master: Master) -> list[str]:
    """The addresses behind the `kubernetes` Service, as this master tells them."""
    async with master.client() as client:
        subsets = (await client.get(ENDPOINTS, "default", "kubernetes")).get("subsets") or ()
    return [address["ip"] for subset in subsets for address in subset["addresses"]]


@pytest.mark.timeout(240)
async def test_both_are_behind_the_service_and_a_dead_one_is_not_for_long(masters: list[Master]) -> None:
    one, two = masters

    async def are(master: Master, wanted: list[str]) -> bool:
        return await endpoints(master) == wanted

    for master in masters:
        await until(lambda master=master: are(master, ["192.0.2.1", "192.0.2.2"]), 60)  # type: ignore[misc]
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}}
    async with one.client() as client:
        await client.create(CONFIG_MAP, "default", body)
    one.kill()
    async with two.client() as client:
        assert (await client.get(CONFIG_MAP, "default", "kept"))["data"] == {"a": "b"}
        await client.patch(CONFIG_MAP, "default", "kept", {"data": {"a": "c"}})
    await until(lambda: are(two, ["192.0.2.2"]), 100)
    one.start()
    await until(lambda: are(two, ["192.0.2.1", "192.0.2.2"]), 60)
    async with one.client() as client:
        assert (await client.get(CONFIG_MAP, "default", "kept"))["data"] == {"a": "c"}
