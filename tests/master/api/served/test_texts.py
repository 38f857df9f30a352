"""Whatever text comes as a body, a patch, a query or a path: an answer with a code, and a Status with every refusal."""

import asyncio
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MAPS = "/api/v1/namespaces/default/configmaps"
JSON, YAML = "application/json", "application/yaml"
PATCHES = [f"application/{one}" for one in ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json")]
APPLY = "application/apply-patch+yaml"

LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(["kind", "apiVersion", "metadata", "name", "labels", "data", "spec", "$patch", "items", ""])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.fixed_dictionaries({}, optional={"metadata": VALUES, "data": VALUES, "immutable": VALUES, "kind": VALUES})
STEPS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]) | LEAVES},
    optional={
        "path": st.sampled_from(["/data", "/data/a", "/metadata/labels", "", "/-", "/0"]) | LEAVES,
        "value": VALUES,
    },
)
ODD = [
    b"",
    b"{",
    b'{"a":',
    b"[" * 100_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b"\xff\xfe\x00{}",
    b'{"data":{"a":"\xed\xa0\x80"}}',
    b'{"metadata":{"name":"a"},"metadata":[]}',
    b'{"data":{"a":NaN}}',
    b'{"data":{"\x7f":null}}',
    b'{"metadata":{"generation":1e400}}',
    b"9" * 5000,
    b"a: &a [x]\nb: [*a, *a]",
    b"&a [*a]",
    b"? {a: b}\n: c",
    b"!!python/object/apply:os.system ['true']",
    b"%YAML 9.9\n---\n",
    b"k8s\x00",
    b"k8s\x00\x0a\xff\xff\xff\xff\x0f",
]
RUN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def text(value):
    """As JSON where it is some, NaN and all; else as it prints."""
    try:
        return orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return repr(value).encode("utf-8", "surrogatepass")


class Asker:
    """Asks from a test that Hypothesis runs, which is not a coroutine."""

    def __init__(self, api, loop):
        self.api, self.loop = api, loop

    async def told(self, method, path, body=None, media=""):
        status, answer, _ = await asyncio.wait_for(self.api.ask(method, path, body, media), 20)
        assert status < 500 or status == 504, (method, path, body, answer)  # 504: a version that is still to come
        if status >= 400:
            assert answer["kind"] == "Status" and answer["code"] == status and answer["message"], answer
        return status

    def __call__(self, *asked):
        return asyncio.run_coroutine_threadsafe(self.told(*asked), self.loop).result()


@pytest.fixture
async def ask(api):
    await api.namespace("default")
    await api.create(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}})
    return Asker(api, asyncio.get_running_loop())


async def test_values_as_bodies(ask):
    @RUN
    @given(OBJECTS | VALUES, st.sampled_from([JSON, YAML]), st.sampled_from(["Strict", "Warn", "Ignore"]))
    def run(value, media, strictness):
        ask("POST", f"{MAPS}?dryRun=All&fieldValidation={strictness}", text(value), media)
        ask("PUT", f"{MAPS}/one?fieldValidation={strictness}", text(value), media)
        ask("DELETE", f"{MAPS}/one?dryRun=All", text(value), media)

    await asyncio.to_thread(run)


async def test_values_as_patches(ask):
    @RUN
    @given(OBJECTS | VALUES | st.lists(STEPS, max_size=3), st.sampled_from([*PATCHES, APPLY]))
    def run(value, media):
        ask("PATCH", f"{MAPS}/one?fieldManager=m&force=true", text(value), media)

    await asyncio.to_thread(run)


async def test_words_in_queries_and_paths(ask):
    names = ["limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch", "dryRun"]

    @RUN
    @given(st.sampled_from(names), st.text(max_size=12), st.text(min_size=1, max_size=12))
    def run(name, value, word):
        ask("GET", f"{MAPS}?{name}={quote(value.encode('utf-8', 'replace'))}")
        ask("GET", f"{MAPS}/{quote(word.encode('utf-8', 'replace'), safe='')}")

    await asyncio.to_thread(run)


@pytest.mark.parametrize("media", [JSON, YAML, "application/vnd.kubernetes.protobuf", *PATCHES, APPLY])
async def test_odd_texts(ask, media):
    method, path = ("PATCH", f"{MAPS}/one?fieldManager=m") if "patch" in media else ("POST", f"{MAPS}?dryRun=All")
    for body in ODD:
        assert await ask.told(method, path, body, media) in (200, 201, 400, 409, 413, 415, 422), body[:60]
