"""What every request meets: limits, forms of answers, and refusals as Status."""

import asyncio
import gzip
import io

import orjson
import pytest

PODS, MAPS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/configmaps"
JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def config_map(name, data=None):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} | ({"data": data} if data else {})


@pytest.fixture
async def space(api):
    await api.namespace("default")
    return api


async def test_a_body_over_three_mebibytes_is_413(space):
    status, answer, _ = await space.ask("POST", MAPS, io.BytesIO(b" " * (3 * 1024 * 1024 + 1)), JSON)
    assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")


async def test_an_oversized_header_is_refused_with_a_status(space):
    status, answer, _ = await space.ask("GET", MAPS, headers={"X-Long": "a" * 20_000})
    assert (status, answer["kind"]) == (400, "Status")


async def test_a_compressed_body_is_415(space):
    body, headers = gzip.compress(orjson.dumps(config_map("packed"))), {"Content-Encoding": "gzip"}
    status, answer, _ = await space.ask("POST", MAPS, io.BytesIO(body), JSON, headers=headers)
    assert (status, answer["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("word", "kind"),
    [("true", "ADDED"), ("1", "ADDED"), ("yes", "ADDED"), ("False", "ConfigMapList"), ("0", "ConfigMapList")],
)
async def test_a_switch_is_off_only_by_false_and_0(space, word, kind):
    await space.ask("POST", MAPS, config_map("one"))
    async with space.session.get(f"{MAPS}?watch={word}&timeoutSeconds=1") as response:
        first = orjson.loads(await response.content.readline())
    assert kind in (first.get("type"), first.get("kind"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{MAPS}/a%2Fb", 400),
        (f"{MAPS}/%2e%2e", 400),
        (f"{MAPS}/a%25b", 400),
        ("/api/v1/namespaces/a%2Fb/configmaps/x", 400),
        ("/api/v1/nodes/x/nothing", 404),
        ("/api/v1/namespaces/default/nodes", 404),
        ("/api/v1/configmaps/a", 404),
        ("/api/v1/configmaps/a?fieldSelector=metadata.name%3Da", 404),
        ("/apis/none/v1/things", 404),
        ("/openapi/v3/apis/none/v1", 404),
    ],
)
async def test_paths_that_are_none(space, path, status):
    from yarl import URL

    code, answer, _ = await space.ask("GET", URL(path, encoded=True))
    assert (code, answer["kind"]) == (status, "Status")


async def test_what_does_not_speak_http_is_cut_off(space):
    reader, writer = await asyncio.open_connection("127.0.0.1", space.session._base_url.port)
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
    answer = await reader.read()
    assert b" 400 " in answer.splitlines()[0] and b'"kind":"Status"' in answer
    writer.close()


async def test_a_large_list_is_compressed_for_who_takes_it(space):
    for number in range(3):
        await space.create(MAPS, config_map(f"m{number}", {"text": "x" * 100_000}))
    path = f"http://127.0.0.1:{space.session._base_url.port}{MAPS}"
    async with space.session.get(path, headers={"Accept-Encoding": "identity"}) as response:
        plain = await response.read()
        assert "Content-Encoding" not in response.headers
    async with space.session.get(path, headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert orjson.loads(await response.read()) == orjson.loads(plain)
    assert len(gzip.compress(plain)) < len(plain) / 10


async def test_a_table_shows_no_object_when_none_is_wanted(space):
    await space.create(MAPS, config_map("one", {"a": "1"}))
    _, answer, _ = await space.ask("GET", f"{MAPS}?includeObject=None", accept=TABLE)
    assert [row["cells"][:2] for row in answer["rows"]] == [["one", 1]]
    assert answer["rows"][0]["object"] is None


async def test_components_are_told_to_who_still_asks(space):
    status, listed, headers = await space.ask("GET", "/api/v1/componentstatuses")
    assert (status, listed["kind"], headers["Warning"]) == (
        200,
        "ComponentStatusList",
        '299 - "v1 ComponentStatus is deprecated in v1.19+"',
    )
    healthy = {"type": "Healthy", "status": "True", "message": "ok"}
    assert listed["items"] == [{"metadata": {"name": "etcd-0"}, "conditions": [healthy]}]
    _, one, _ = await space.ask("GET", "/api/v1/componentstatuses/etcd-0")
    assert (one["kind"], one["conditions"]) == ("ComponentStatus", [healthy])
    assert (await space.ask("GET", "/api/v1/componentstatuses/none"))[0] == 404
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    _, rows, _ = await space.ask("GET", "/api/v1/componentstatuses", accept=table)
    assert rows["rows"][0]["cells"] == ["etcd-0", "Healthy", "ok", ""]


async def test_protobuf_comes_and_goes(space):
    from kube.protobuf import decode_protobuf, encode_protobuf

    media = "application/vnd.kubernetes.protobuf"
    body = encode_protobuf(config_map("proto", {"a": "1"}))
    async with space.session.post(MAPS, data=body, headers={"Content-Type": media, "Accept": media}) as response:
        assert (response.status, response.content_type) == (201, media)
        made = decode_protobuf(await response.read())
    assert made["data"] == {"a": "1"}


async def test_a_dry_run_leaves_nothing(space):
    status, answer, _ = await space.ask("POST", f"{MAPS}?dryRun=All", config_map("dry"), JSON)
    assert status == 201 and "resourceVersion" not in answer["metadata"]
    assert (await space.ask("GET", f"{MAPS}/dry"))[0] == 404


async def test_warnings_come_as_headers(space):
    body = config_map("w") | {"junk": 1}
    status, _, headers = await space.ask("POST", MAPS, body, JSON)
    assert status == 201 and headers["Warning"] == '299 - "unknown field \\"junk\\""'


async def test_metrics_count_requests_of_known_kinds_only(space):
    await space.ask("GET", MAPS)
    await space.ask("GET", "/api/v1/invented")
    _, text, _ = await space.ask("GET", "/metrics")
    assert 'resource="configmaps"' in text and "invented" not in text


async def test_openapi_describes_the_kinds_with_their_merge_keys(space):
    _, index, _ = await space.ask("GET", "/openapi/v3")
    _, document, headers = await space.ask("GET", index["paths"]["apis/apps/v1"]["serverRelativeURL"])
    containers = document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
    status, _, _ = await space.ask("GET", "/openapi/v3/apis/apps/v1", headers={"If-None-Match": headers["ETag"]})
    assert status == 304


async def test_an_eviction_that_a_budget_forbids_names_no_time_so_that_drain_says_why(space):
    spec = {"containers": [{"name": "c", "image": "registry.local/app:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": spec}
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    demand = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    await space.create(PODS, pod)
    await space.create(
        budgets, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": demand}
    )
    merge = "application/merge-patch+json"
    await space.ask("PATCH", f"{PODS}/p/status", {"status": {"phase": "Running"}}, merge)
    counts = {
        "observedGeneration": 1,
        "disruptionsAllowed": 0,
        "desiredHealthy": 1,
        "currentHealthy": 0,
        "expectedPods": 1,
    }
    await space.ask("PATCH", f"{budgets}/b/status", {"status": counts}, merge)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    status, _, headers = await space.ask("POST", f"{PODS}/p/eviction", eviction, JSON)
    assert (status, headers.get("Retry-After")) == (429, None)


async def test_an_evicted_pod_says_that_it_was(space):
    spec = {"containers": [{"name": "c", "image": "registry.local/app:1"}]}
    meta = {"name": "p", "finalizers": ["example.com/stay"]}
    made = await space.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    version = made["metadata"]["resourceVersion"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    for wanted, expected in (("1", 409), (version, 201)):
        options = {"deleteOptions": {"preconditions": {"resourceVersion": wanted}}}
        status, _, _ = await space.ask("POST", f"{PODS}/p/eviction", eviction | options, JSON)
        assert status == expected
    pod = (await space.ask("GET", f"{PODS}/p"))[1]
    assert "deletionTimestamp" in pod["metadata"]
    assert [(one["type"], one["reason"]) for one in pod["status"]["conditions"]] == [
        ("DisruptionTarget", "EvictionByEvictionAPI")
    ]
