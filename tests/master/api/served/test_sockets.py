"""Watches over WebSockets, as browsers hold them."""

import json

import aiohttp
import pytest

WATCH = "/api/v1/namespaces/default/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"


def config(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


@pytest.fixture
async def filled(api):
    await api.namespace("default")
    await api.create("/api/v1/namespaces/default/configmaps", config("first"))
    return api


async def next_event(socket):
    event = json.loads(await socket.receive_str(timeout=10))
    return event["type"], event["object"]["metadata"].get("name", "")


async def test_each_event_is_a_message(filled):
    async with filled.session.ws_connect(f"{WATCH}&allowWatchBookmarks=true") as socket:
        assert await next_event(socket) == ("ADDED", "first")
        assert (await next_event(socket))[0] == "BOOKMARK"
        for size in (1, 200, 70_000):  # a frame's length is told in 7, 16 or 64 bits
            await filled.create("/api/v1/namespaces/default/configmaps", config(f"of-{size}", text="x" * size))
            assert await next_event(socket) == ("ADDED", f"of-{size}")


async def test_it_ends_when_the_client_leaves(filled):
    async with filled.session.ws_connect(WATCH) as socket:
        assert await next_event(socket) == ("ADDED", "first")
        assert len(filled.server.watches) == 1
        assert await socket.close()
    assert socket.close_code == 1000


async def test_it_ends_when_its_time_is_over(filled):
    async with filled.session.ws_connect(f"{WATCH}&timeoutSeconds=1") as socket:
        assert await next_event(socket) == ("ADDED", "first")
        assert (await socket.receive(timeout=10)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_the_protocol_offered_beside_a_token_is_taken(filled):
    protocols = ("base64url.bearer.authorization.k8s.io.eA", "json")
    async with filled.session.ws_connect(WATCH, protocols=protocols) as socket:
        assert socket.protocol == "json"


async def test_chunked_watches_beside_it_get_their_own_frames(filled):
    async with filled.session.ws_connect(WATCH) as socket, filled.watch(WATCH.partition("?")[0]) as chunked:
        assert await next_event(socket) == ("ADDED", "first")
        assert (await chunked.next())["object"]["metadata"]["name"] == "first"
        await filled.create("/api/v1/namespaces/default/configmaps", config("second"))
        assert await next_event(socket) == ("ADDED", "second")
        assert (await chunked.next())["object"]["metadata"]["name"] == "second"


async def test_no_protobuf_over_it(filled):
    headers = {"Accept": "application/vnd.kubernetes.protobuf;stream=watch"}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await filled.session.ws_connect(WATCH, headers=headers)
    assert refusal.value.status == 406
