"""The forms of a watch: lines of JSON, frames of protobuf, and what cannot be streamed."""

import json

import pytest

from kube.protobuf import decode_protobuf, reading, type_of

MAPS = "/api/v1/namespaces/default/configmaps"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@pytest.fixture
async def space(api):
    await api.namespace("default")
    await api.create(MAPS, {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "one"}, "data": {"a": "b"}})
    return api


def fields(message):
    """Field number → the bytes of its length-delimited fields."""
    return {number: value for number, value in reading.fields(message).items() if isinstance(value, bytes)}


async def next_frame(response):
    """(type, object) of the next frame: four bytes of length, then a WatchEvent."""
    length = int.from_bytes(await response.content.readexactly(4), "big")
    event = fields(await response.content.readexactly(length))
    return event[1].decode(), decode_protobuf(fields(event[2])[1])


async def test_kubectls_offer_of_both_is_answered_in_frames_of_protobuf(space):
    """What `kubectl run -i` sends for its watch."""
    accept = {"Accept": f"{PROTOBUF},application/json"}
    async with space.session.get(f"{MAPS}?watch=1&allowWatchBookmarks=1&timeoutSeconds=1", headers=accept) as response:
        assert response.headers["Content-Type"] == f"{PROTOBUF};stream=watch"
        type, obj = await next_frame(response)
        assert (type, obj["metadata"]["name"], obj["data"]) == ("ADDED", "one", {"a": "b"})
        assert (await next_frame(response))[0] == "BOOKMARK"


async def test_an_error_is_a_frame_too(space):
    space.server.cache.collection(space.server.api.find("", "v1", "configmaps")).floor = 10_000
    async with space.session.get(f"{MAPS}?watch=1&resourceVersion=1", headers={"Accept": PROTOBUF}) as response:
        type, obj = await next_frame(response)
        assert (type, obj["kind"], obj["code"]) == ("ERROR", "Status", 410)


async def test_yaml_cannot_be_streamed(space):
    async with space.session.get(f"{MAPS}?watch=1", headers={"Accept": "application/yaml"}) as response:
        assert response.status == 406


async def test_metadata_alone_in_protobuf(space):
    view = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    async with space.session.get(f"{MAPS}?watch=1", headers={"Accept": f"{PROTOBUF};{view}"}) as response:
        length = int.from_bytes(await response.content.readexactly(4), "big")
        event = fields(await response.content.readexactly(length))
    api_version, kind, raw = type_of(fields(event[2])[1])
    assert (api_version, kind) == ("meta.k8s.io/v1", "PartialObjectMetadata")
    assert fields(fields(raw)[1])[1] == b"one"
    accept = {"Accept": f"{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    async with space.session.get(MAPS, headers=accept) as response:
        assert response.status == 200, await response.text()
        assert type_of(await response.read())[1] == "PartialObjectMetadataList"


async def test_a_table_is_never_protobuf(space):
    view = "as=Table;g=meta.k8s.io;v=v1"
    accept = {"Accept": f"{PROTOBUF};{view},application/json;{view}"}
    async with space.session.get(f"{MAPS}?watch=1", headers=accept) as response:
        assert response.headers["Content-Type"] == "application/json"
        assert json.loads(await response.content.readline())["object"]["kind"] == "Table"
