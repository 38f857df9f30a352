"""The client against a real HTTP server: what it sends, how it reads refusals, streams and dead servers."""

from __future__ import annotations

import base64
import json

import pytest
from aiohttp import ClientConnectionError

from kube import kinds
from kube.client import Client, error_of
from kube.connections import read_kubeconfig
from kube.errors import ApiError, Cause, not_found

PODS = kinds.by_kind("v1", "Pod")
NODES = kinds.by_kind("v1", "Node")


def pod(name: str, rv: str = "1") -> dict:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": rv}}


def page(*items: dict, rv: str = "9", more: str = "") -> dict:
    return {"metadata": {"resourceVersion": rv} | ({"continue": more} if more else {}), "items": list(items)}


async def test_a_list_follows_its_pages(scripted_api):
    scripted_api.lists = [page(pod("a"), more="tok"), page(pod("b"))]
    async with Client(scripted_api.url) as client:
        items, rv = await client.list(PODS, labels="a=b")
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
    assert rv == "9"
    assert scripted_api.requests[1].query["continue"] == "tok"
    assert scripted_api.requests[1].query["labelSelector"] == "a=b"


@pytest.mark.parametrize(
    ("call", "method", "path", "content_type", "body"),
    [
        (lambda c: c.get(PODS, "ns", "p"), "GET", "/api/v1/namespaces/ns/pods/p", None, None),
        (
            lambda c: c.create(PODS, "ns", {"a": 1}, "binding", "p"),
            "POST",
            "/api/v1/namespaces/ns/pods/p/binding",
            "application/json",
            {"a": 1},
        ),
        (
            lambda c: c.update(NODES, "", {"metadata": {"name": "n"}}, "status"),
            "PUT",
            "/api/v1/nodes/n/status",
            "application/json",
            {"metadata": {"name": "n"}},
        ),
        (
            lambda c: c.patch(PODS, "ns", "p", {"x": 1}, "strategic"),
            "PATCH",
            "/api/v1/namespaces/ns/pods/p",
            "application/strategic-merge-patch+json",
            {"x": 1},
        ),
        (
            lambda c: c.delete(PODS, "ns", "p", grace=0, propagation="Background", uid="u"),
            "DELETE",
            "/api/v1/namespaces/ns/pods/p",
            "application/json",
            {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "gracePeriodSeconds": 0,
                "propagationPolicy": "Background",
                "preconditions": {"uid": "u"},
            },
        ),
    ],
    ids=["get", "binding", "status", "strategic", "delete"],
)
async def test_a_verb_is_one_request(scripted_api, call, method, path, content_type, body):
    scripted_api.answers = [(200, {})]
    async with Client(scripted_api.url, token="secret") as client:
        await call(client)
    request = scripted_api.requests[0]
    assert (request.method, request.path) == (method, path)
    assert request.headers["Authorization"] == "Bearer secret"
    if body is not None:
        assert request.headers["Content-Type"] == content_type
        assert json.loads(scripted_api.bodies[0]) == body


async def test_a_refusal_is_an_api_error(scripted_api):
    refusal = not_found("pods", "p").to_status()
    refusal["details"]["causes"] = [{"reason": "R", "message": "m", "field": "f"}]
    scripted_api.answers = [(404, refusal)]
    async with Client(scripted_api.url) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(PODS, "ns", "p")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")
    assert caught.value.message == 'pods "p" not found'
    assert caught.value.causes == [Cause("R", "m", "f")]


def test_an_answer_that_is_no_status_keeps_its_number():
    assert error_of(502, None).status == 502


async def test_a_watch_reads_events_longer_than_a_buffer(scripted_api):
    large = pod("large") | {"data": "x" * 1_000_000}
    scripted_api.watches = [[("ADDED", pod("a")), ("MODIFIED", large), ("BOOKMARK", pod("", "7"))]]
    async with Client(scripted_api.url) as client:
        events = [event async for event in client.watch(PODS, rv="1")]
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert events[1][1] == large
    assert scripted_api.requests[0].query["resourceVersion"] == "1"


async def test_an_error_event_ends_the_watch_as_api_error(scripted_api):
    scripted_api.watches = [[("ERROR", ApiError(410, "Expired", "too old").to_status())]]
    async with Client(scripted_api.url) as client:
        with pytest.raises(ApiError, match="too old") as caught:
            async for _ in client.watch(PODS, rv="1"):
                pass
    assert caught.value.status == 410


async def test_a_dead_server_hands_over_to_the_next(scripted_api):
    scripted_api.answers = [(200, {}), (200, {})]
    async with Client(servers=["http://127.0.0.1:1", scripted_api.url]) as client:
        await client.create(PODS, "ns", {})
        assert client.server == scripted_api.url
        await client.get(PODS, "ns", "p")


async def test_no_server_left_is_a_connection_error():
    async with Client(servers=["http://127.0.0.1:1", "http://127.0.0.1:2"]) as client:
        with pytest.raises(ClientConnectionError):
            await client.get(PODS, "ns", "p")


def test_a_kubeconfig_names_its_server_and_keys(tmp_path):
    inline = base64.b64encode(b"PEM").decode()
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [
            {"name": "k", "cluster": {"server": "https://10.0.0.1:6443/", "certificate-authority-data": inline}}
        ],
        "users": [{"name": "u", "user": {"client-certificate": "pki/u.crt", "client-key-data": inline, "token": "t"}}],
    }
    path = tmp_path / "admin.conf"
    path.write_text(json.dumps(config))
    access = read_kubeconfig(path)
    assert access.servers == ("https://10.0.0.1:6443",)
    assert access.ca_data == "PEM"
    assert access.cert == tmp_path / "pki/u.crt"
    assert access.key_data == b"PEM"
    assert access.bearer() == "t"


def test_a_kubeconfig_without_its_context_says_so(tmp_path):
    path = tmp_path / "admin.conf"
    path.write_text("current-context: absent\ncontexts: []\n")
    with pytest.raises(ValueError, match="contexts has no entry named 'absent'"):
        read_kubeconfig(path)
