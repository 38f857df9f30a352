"""A whole API server over a memory store, on a loopback port without TLS; the caller is whom the test says."""

import asyncio
import base64
import io
import json
import re
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from kube import kinds
from kube.certificates import Subject, issue, make_ca
from master.api import admission, allocation, authz
from master.api.building import Parts, open_server
from master.api.contract import Decision, UserInfo
from master.api.posting import Poster
from master.api.reaching import Reach
from master.api.server import Listener
from master.api.streaming import Nodes
from master.store.contract import DeleteRange, Put, Txn
from master.store.memory import MemoryStore

FACTS = Path(__file__).parents[3] / "facts"
ADMIN = UserInfo("admin", ("system:masters", "system:authenticated"))
UNRECORDED_PLUGINS = ("ServiceAccount",)
"""Admission that was off when the answers were recorded."""


class Whoever:
    """Authenticates every request as `user`."""

    def __init__(self) -> None:
        self.user = ADMIN

    async def authenticate(self, _credentials):
        return self.user


class Everything:
    def authorize(self, _user, _request):
        return Decision(True)


class Stream:
    """The lines of an open watch."""

    def __init__(self, response) -> None:
        self.response = response

    async def next(self):
        line = await self.response.content.readline()
        return json.loads(line) if line else None

    async def until(self, count):
        """`count` events, or fewer when the watch ends before."""
        events = []
        while len(events) < count and (event := await self.next()) is not None:
            events.append(event)
        return events


@dataclass
class Served:
    """`ask` is one request; the answer is parsed JSON where it is JSON."""

    server: Any
    session: aiohttp.ClientSession
    caller: Whoever
    first_revision: int = 1

    async def ask(self, method, path, body=None, type="", accept="", headers=None):
        given = {"User-Agent": ""} | ({"Content-Type": type} if type else {}) | (headers or {})
        if accept:
            given["Accept"] = accept
        data = body if isinstance(body, str | bytes | io.IOBase | None) else orjson.dumps(body)
        if isinstance(data, str):
            data = data.encode()
        skipped = [] if type else ["Content-Type"]
        async with self.session.request(method, path, data=data, headers=given, skip_auto_headers=skipped) as response:
            raw = await response.read()
            parsed = json.loads(raw) if raw and response.content_type == "application/json" else raw.decode()
            return response.status, parsed, response.headers

    async def create(self, path, obj):
        status, answer, _ = await self.ask("POST", path, obj, "application/json")
        assert status == 201, answer
        return answer

    async def namespace(self, name):
        await self.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def store_as_is(self, obj):
        """Past every check, as somebody with access to the store would put it."""
        kind = kinds.kind_of(obj)
        meta = obj["metadata"]
        key = kind.storage_key(meta.get("namespace", ""), meta["name"]).encode()
        await self.server.store.txn(Txn([], [Put(key, orjson.dumps(obj))]))

    async def clear(self):
        await self.server.store.txn(Txn([], [DeleteRange(b"/registry/", b"/registry0")]))
        await self.server.cache.fresh()
        self.first_revision = self.server.cache.revision

    @asynccontextmanager
    async def watch(self, path):
        joined = path + ("&" if "?" in path else "?") + "watch=true"
        async with self.session.get(joined) as response:
            assert response.status == 200, await response.text()
            yield Stream(response)


def parts(cache, caller, authorizer):
    numbers = allocation.build(cache, "10.96.0.0/16", "30000-32767")
    plugins = admission.chain(cache, authz.build(cache), numbers)
    served = [plugin for plugin in plugins if plugin.name not in UNRECORDED_PLUGINS]
    return Parts(
        caller, authorizer or Everything(), served, ways=Nodes(cache, None).ways(), poster=Poster(Reach(cache, None))
    )


@asynccontextmanager
async def serve(authorizer=None):
    store = MemoryStore()
    caller = Whoever()
    server = await open_server(store, lambda cache: parts(cache, caller, authorizer))
    listener = Listener(server.api.handle, "127.0.0.1", 0)
    await listener.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
            yield Served(server, session, caller)
    finally:
        server.watches.end_all()
        await listener.stop()
        await server.stop()
        await store.close()


@pytest.fixture
async def api():
    async with serve() as served:
        yield served


@pytest.fixture(scope="session")
def recording():
    def read(name):
        return [json.loads(line) for line in (FACTS / f"{name}.jsonl").read_text().splitlines()]

    return read


def same(expected, found):
    """Whether an answer is the recorded one; `*` stands for anything, in part of a text too."""
    if expected == "*":
        return True
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(same, expected, found))
    if isinstance(expected, str) and isinstance(found, str) and expected.endswith("*"):
        return found.startswith(expected[:-1])
    if expected in ("0s", "1s"):  # an age: how fast the machine was
        return isinstance(found, str) and re.fullmatch(r"\d+s", found) is not None
    return type(expected) is type(found) and expected == found


def first_difference(expected, found, path=""):
    """Where two answers part, for a reader."""
    if same(expected, found):
        return ""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if key not in found or key not in expected:
                return f"{path}.{key}: {'missing' if key in expected else f'not expected: {found[key]}'}"[:400]
            if not same(expected[key], found[key]):
                return first_difference(expected[key], found[key], f"{path}.{key}")
    if isinstance(expected, list) and isinstance(found, list):
        for index, (one, other) in enumerate(zip(expected, found, strict=False)):
            if not same(one, other):
                return first_difference(one, other, f"{path}[{index}]")
        return f"{path}: {len(expected)} expected, {len(found)} found"
    return f"{path}: expected {json.dumps(expected)[:300]}, found {json.dumps(found)[:300]}"


def without_wording(status):
    """Of a refusal: status, reason, and each cause's field and reason."""
    details = status.get("details") or {}
    causes = [(cause.get("field", ""), cause["reason"]) for cause in details.get("causes") or []]
    named = {key: details[key] for key in ("name", "group", "kind") if key in details}
    return {"code": status["code"], "reason": status.get("reason", ""), "causes": sorted(causes)} | named


def row_difference(row, status, answer, _headers):
    """What differs from the recorded row, as text; empty when nothing does."""
    expected = row["answer"]
    if status != row["status"]:
        return f"status {status}, expected {row['status']}: {json.dumps(answer)[:300]}"
    if isinstance(expected, dict) and expected.get("kind") == "Status" and expected.get("status") == "Failure":
        return first_difference(without_wording(expected), without_wording(answer))
    return first_difference(in_order(expected), in_order(answer))


def in_order(answer):
    """Managers in one order, without times: within a second nobody knows who was first."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name == "managedFields" and isinstance(value, list):
                value.sort(key=lambda entry: [entry.get(key, "") for key in ("manager", "operation", "subresource")])
                for entry in value:
                    entry.pop("time", None)
            else:
                in_order(value)
    elif isinstance(answer, list):
        for value in answer:
            in_order(value)
    return answer


@pytest.fixture(scope="session")
def agrees():
    return row_difference


@pytest.fixture(scope="session")
def difference():
    return first_difference


RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]


class Webhook:
    """Answers each path by its function; keeps what it was asked."""

    def __init__(self, port, bundle):
        self.port, self.bundle = port, bundle
        self.asked = []
        self.answers = {}

    async def handle(self, request):
        review = await request.json()
        asked = review["request"]
        self.asked.append((request.path, asked))
        answer = self.answers[request.path](asked)
        response = await answer if asyncio.iscoroutine(answer) else answer
        review["response"] = {"uid": asked["uid"]} | response
        return web.json_response(review)

    def spec(self, path, name="hook.example.com", port=None, **members):
        client = {"url": f"https://127.0.0.1:{port or self.port}{path}", "caBundle": self.bundle}
        spec = {"name": name, "clientConfig": client, "rules": RULES, "sideEffects": "None", "timeoutSeconds": 5}
        return spec | {"admissionReviewVersions": ["v1"]} | members


@pytest.fixture
async def webhook(tmp_path):
    authority = make_ca("webhooks", datetime.now(UTC))
    own = issue(authority, Subject("hook", names=("127.0.0.1",)), datetime.now(UTC), server=True, client=False)
    (tmp_path / "own").write_bytes(own.certificate + own.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "own")
    async with listening(tls, base64.b64encode(authority.certificate).decode()) as found:
        yield found


@asynccontextmanager
async def listening(tls, bundle):
    found = Webhook(0, bundle)
    runner = web.ServerRunner(web.Server(found.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    found.port = runner.addresses[0][1]
    try:
        yield found
    finally:
        await runner.cleanup()
