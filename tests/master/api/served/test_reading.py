"""Lists and watches: consistent pages, resuming, and what selectors make of changes."""

import asyncio
import json

import pytest

PODS, MAPS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/configmaps"
JSON = "application/json"


def config_map(name, labels=None):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels or {}}}


def pod(name, node=""):
    spec = {"containers": [{"name": "c", "image": "i:1"}]} | ({"nodeName": node} if node else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
async def space(api):
    await api.namespace("default")
    await api.namespace("other")
    return api


async def names(api, path):
    status, answer, _ = await api.ask("GET", path)
    assert status == 200, answer
    return [item["metadata"]["name"] for item in answer["items"]], answer["metadata"]


async def test_pages_are_of_one_moment(space):
    for name in "abcd":
        await space.create(MAPS, config_map(name))
    first, meta = await names(space, f"{MAPS}?limit=2")
    await space.create(MAPS, config_map("c0"))
    await space.ask("DELETE", f"{MAPS}/d")
    rest, end = await names(space, f"{MAPS}?limit=2&continue={meta['continue']}")
    assert (first, rest, "continue" in end) == (["a", "b"], ["c", "d"], False)
    assert end["resourceVersion"] == meta["resourceVersion"]


async def test_a_page_of_a_compacted_past_is_410_with_a_token_for_the_rest(space):
    for name in "abc":
        await space.create(MAPS, config_map(name))
    _, meta = await names(space, f"{MAPS}?limit=1")
    await space.create(MAPS, config_map("d"))
    await space.server.store.compact(space.server.store.revision)
    status, answer, _ = await space.ask("GET", f"{MAPS}?limit=1&continue={meta['continue']}")
    assert (status, answer["reason"]) == (410, "Expired")
    rest, _ = await names(space, f"{MAPS}?continue={answer['metadata']['continue']}")
    assert rest == ["b", "c", "d"]


async def test_an_exact_revision_is_read_from_the_past(space):
    made = await space.create(MAPS, config_map("a"))
    await space.create(MAPS, config_map("b"))
    version = made["metadata"]["resourceVersion"]
    found, _ = await names(space, f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert found == ["a"]


async def test_namespaces_that_share_a_beginning_are_kept_apart(space):
    await space.namespace("other-more")
    await space.create("/api/v1/namespaces/other-more/configmaps", config_map("x"))
    assert (await names(space, "/api/v1/namespaces/other/configmaps"))[0] == []


async def test_a_watch_resumes_where_it_was(space):
    made = await space.create(MAPS, config_map("a"))
    await space.create(MAPS, config_map("b"))
    await space.ask("DELETE", f"{MAPS}/a")
    path = f"{MAPS}?resourceVersion={made['metadata']['resourceVersion']}"
    async with space.watch(path) as stream:
        seen = await stream.until(2)
    assert [(one["type"], one["object"]["metadata"]["name"]) for one in seen] == [("ADDED", "b"), ("DELETED", "a")]


async def test_a_watch_from_a_forgotten_revision_says_gone_and_ends(space):
    await space.create(MAPS, config_map("a"))
    kind = space.server.api.find("", "v1", "configmaps")
    space.server.cache.collection(kind).floor = 10_000
    async with space.watch(f"{MAPS}?resourceVersion=3") as stream:
        seen = await stream.until(2)
    assert [one["type"] for one in seen] == ["ERROR"]
    assert seen[0]["object"]["code"] == 410


async def test_a_node_sees_its_own_pods_come_and_go(space):
    await space.create(PODS, pod("elsewhere", "m"))
    async with space.watch("/api/v1/pods?fieldSelector=spec.nodeName%3Dn") as stream:
        await space.create(PODS, pod("mine"))
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "mine"}, "target": {"name": "n"}}
        status, _, _ = await space.ask("POST", f"{PODS}/mine/binding", binding, JSON)
        assert status == 201
        await space.ask("DELETE", f"{PODS}/mine?gracePeriodSeconds=0")
        seen = await stream.until(2)
    assert [(one["type"], one["object"]["metadata"]["name"]) for one in seen] == [
        ("ADDED", "mine"),
        ("DELETED", "mine"),
    ]


async def test_a_watch_of_tables_is_of_tables(space):
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with space.session.get(f"{MAPS}?watch=1", headers=table) as response:
        await space.create(MAPS, config_map("a"))
        await space.create(MAPS, config_map("b"))
        first, second = [json.loads(await response.content.readline())["object"] for _ in "ab"]
    assert (first["kind"], first["rows"][0]["cells"][:2]) == ("Table", ["a", 0])
    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert (second["columnDefinitions"], second["rows"][0]["cells"][:2]) == (None, ["b", 0]), "columns come once"


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/api/v1/watch/namespaces/default/configmaps", ["a", "b"]),
        ("/api/v1/watch/namespaces/default/configmaps/b", ["b"]),
        ("/api/v1/watch/configmaps?fieldSelector=metadata.namespace%3Ddefault", ["a", "b"]),
        ("/api/v1/watch/namespaces/other", ["other"]),
        ("/apis/apps/v1/watch/deployments", []),
    ],
)
async def test_the_older_paths_of_watches(space, path, seen):
    for name in "ab":
        await space.create(MAPS, config_map(name))
    async with space.session.get(path + ("&" if "?" in path else "?") + "timeoutSeconds=1") as response:
        assert response.status == 200
        events = [json.loads(line) async for line in response.content]
    assert [event["object"]["metadata"]["name"] for event in events] == seen


async def test_a_lost_client_leaves_no_watcher(space):
    async with space.watch(MAPS):
        await until(lambda: len(space.server.watches) == 1)
    await until(lambda: len(space.server.watches) == 0)


async def test_a_client_that_does_not_read_is_cut_off(space, monkeypatch):
    monkeypatch.setattr("master.api.watching.SLOW", 100_000)
    _, writer = await asyncio.open_connection("127.0.0.1", space.session._base_url.port, limit=1024)
    writer.write(f"GET {MAPS}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await until(lambda: len(space.server.watches) == 1)
    big = config_map("big") | {"data": {"text": "x" * 900_000}}
    await space.create(MAPS, big)
    for number in range(40):
        if not len(space.server.watches):
            break
        patch = {"data": {"number": str(number)}}
        await space.ask("PATCH", f"{MAPS}/big", patch, "application/merge-patch+json")
    await until(lambda: len(space.server.watches) == 0)
    writer.transport.abort()


async def test_a_stopping_server_ends_its_watches(space):
    async with space.watch(MAPS) as stream:
        await until(lambda: len(space.server.watches) == 1)
        space.server.watches.end_all()
        assert await stream.next() is None


async def test_events_are_one_store_with_two_views(space):
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Why",
        "message": "words",
        "reportingComponent": "x",
    }
    await space.create("/api/v1/namespaces/default/events", event)
    _, answer, _ = await space.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e")
    assert (answer["apiVersion"], answer["note"], answer["regarding"]["name"]) == ("events.k8s.io/v1", "words", "p")
    path = "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp,reportingController%3Dx"
    assert [item["metadata"]["name"] for item in (await space.ask("GET", path))[1]["items"]] == ["e"]
    assert (await space.ask("GET", path.replace("regarding", "involvedObject")))[0] == 400
    path = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp"
    assert (await names(space, path))[0] == ["e"]


async def test_what_others_put_into_the_store_is_served_where_it_can_be_read(space):
    from master.store.contract import Put, Txn

    good = b'{"metadata":{"namespace":"default","name":"theirs"},"apiVersion":"v1","kind":"ConfigMap"}'
    keys = {b"/registry/configmaps/default/theirs": good, b"/registry/configmaps/default/broken": b"{"}
    for key, value in keys.items():
        await space.server.store.txn(Txn([], [Put(key, value)]))
    assert (await names(space, MAPS))[0] == ["theirs"]


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)
