"""Who may do what, asked of a whole server as it was asked of kube-apiserver: tokens, RBAC, reviews, nodes."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from kube.config import MasterConfig
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki
from master.api import running, sealing
from master.api.bootstrap import ensure_defaults
from master.api.building import open_server
from master.api.server import Listener
from master.store.memory import MemoryStore

ADMIN = {"Authorization": "Bearer admins"}
DIFFERENT = {
    "discovery allowed": "another address",
    "self rules": "the recorded server had one binding more",
    "openid": "another address; ES256, which a board signs twenty times as fast",
    "node own label": "a controller of the reference had annotated the node",
    "token review": "another token's id",
}


@asynccontextmanager
async def master(root):
    """The API of a master with its own keys, over a memory store and without TLS; `admins` is a static token."""
    layout, store = Layout(root), MemoryStore()
    ensure_master_pki(layout, Names())
    (root / "tokens").write_text('admins,admin,1,"system:masters"\n')
    config = MasterConfig()
    config = replace(
        config,
        api=replace(config.api, token_file=str(root / "tokens"), advertise=("192.0.2.2",)),
        cluster=replace(config.cluster, service_cidr="10.96.0.0/16", dns="10.96.0.10"),
    )
    sealed = sealing.build(layout)
    server = await open_server(store, lambda cache: running.parts(layout, config, cache, sealed), sealed.open)
    await ensure_defaults(server.registry, config.cluster.service_cidr, 6443, "authority")
    listener = Listener(server.api.handle, "127.0.0.1", 0)
    await listener.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
            yield Master(server, session)
    finally:
        await listener.stop()
        await server.stop()
        await store.close()


class Master:
    def __init__(self, server, session):
        self.server = server
        self.session = session

    async def ask(self, method, path, body=None, media="application/json", headers=None):
        asked = ADMIN if headers is None else headers
        given = [("User-Agent", ""), ("Content-Type", media), *(asked.items() if isinstance(asked, dict) else asked)]
        data = json.dumps(body) if body is not None else None
        async with self.session.request(method, path, data=data, headers=given) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw[:1] == b"{" else raw.decode()

    async def create(self, path, kind, name):
        status, answer = await self.ask("POST", path, {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
        assert status == 201, answer
        return answer


@pytest.fixture
async def api(tmp_path):
    async with master(tmp_path) as api:
        await api.create("/api/v1/namespaces", "Namespace", "acc")
        await api.create("/api/v1/namespaces/acc/serviceaccounts", "ServiceAccount", "default")
        yield api


def acting(who):
    """The headers by which admin acts as the recorded user: a name, or a name and its groups."""
    names = [who] if isinstance(who, str) else who
    return [*ADMIN.items(), ("Impersonate-User", names[0]), *(("Impersonate-Group", group) for group in names[1:])]


async def test_the_recorded_answers(api, recording, difference, capsys):
    found, token, rows = {}, "", recording("access")
    for row in rows:
        if row["name"] == "token claims":
            continue
        body = row.get("body")
        if row["name"] == "token review":
            body["spec"]["token"] = token
        headers = acting(row["as"]) if "as" in row else ADMIN
        status, answer = await api.ask(row["method"], row["path"], body, row.get("type", ""), headers)
        if row["name"] == "token":
            row["answer"]["status"]["expirationTimestamp"] = "*"
            token = answer["status"]["token"]
        trouble = difference(row["answer"], answer) if status == row["status"] else f"{status}: {answer}"
        if trouble:
            found[row["name"]] = trouble
    with capsys.disabled():
        print(f"\naccess: {len(rows) - len(found)} of {len(rows)} recorded answers agree")
    unexpected = {name: why for name, why in found.items() if name not in DIFFERENT}
    assert not unexpected, json.dumps(unexpected, indent=1)
    assert not set(DIFFERENT) - set(found), "these agree now: take them from the list"


async def test_the_claims_of_a_token(api, recording, difference):
    wanted = next(row["answer"] for row in recording("access") if row["name"] == "token claims")
    await api.create("/api/v1/namespaces/acc/serviceaccounts", "ServiceAccount", "robot")
    token = await token_of(api, "robot")
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert not difference(wanted, claims)


async def token_of(api, account, **spec):
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    status, answer = await api.ask("POST", f"/api/v1/namespaces/acc/serviceaccounts/{account}/token", body)
    assert status == 201, answer
    return answer["status"]["token"]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/api/v1/pods", 401),
        ({}, "/apis", 401),
        ({}, "/healthz", 200),
        ({}, "/readyz", 200),
        ({}, "/version", 200),
        ({}, "/metrics", 401),
        ({"Authorization": "Bearer nonsense"}, "/healthz", 401),
        ({"Authorization": "Bearer nonsense"}, "/api/v1/pods", 401),
        (ADMIN, "/api/v1/pods", 200),
    ],
)
async def test_who_is_nobody(api, headers, path, status):
    assert (await api.ask("GET", path, headers=headers))[0] == status


async def test_a_token_dies_with_its_pod(api):
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]},
    }
    _, made = await api.ask("POST", "/api/v1/namespaces/acc/pods", pod)
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made["metadata"]["uid"]}
    carried = {"Authorization": f"Bearer {await token_of(api, 'default', boundObjectRef=bound)}"}
    assert (await api.ask("GET", "/apis", headers=carried))[0] == 200
    await api.ask("DELETE", "/api/v1/namespaces/acc/pods/p?gracePeriodSeconds=0")
    assert (await api.ask("GET", "/apis", headers=carried))[0] == 401


async def test_a_token_of_another_audience_is_not_the_apis(api):
    token = await token_of(api, "default", audiences=["vault"])
    assert (await api.ask("GET", "/apis", headers={"Authorization": f"Bearer {token}"}))[0] == 401
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    _, answer = await api.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert "authenticated" not in answer["status"]
    review["spec"]["audiences"] = ["vault", "other"]
    _, answer = await api.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert (answer["status"]["authenticated"], answer["status"]["audiences"]) == (True, ["vault"])


async def test_a_bootstrap_token_asks_to_join_and_no_more(api):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": "abcdef",
            "token-secret": "0123456789abcdef",
            "usage-bootstrap-authentication": "true",
            "expiration": "2999-01-01T00:00:00Z",
        },
    }
    assert (await api.ask("POST", "/api/v1/namespaces/kube-system/secrets", secret))[0] == 201
    carried = {"Authorization": "Bearer abcdef.0123456789abcdef"}
    assert (await api.ask("GET", "/apis", headers=carried))[0] == 200
    assert (await api.ask("GET", "/api/v1/nodes", headers=carried))[0] == 403
    wrong = {"Authorization": "Bearer abcdef.0123456789abcdeX"}
    assert (await api.ask("GET", "/apis", headers=wrong))[0] == 401


async def test_who_may_not_impersonate(api):
    token = {"Authorization": f"Bearer {await token_of(api, 'default')}", "Impersonate-User": "root"}
    status, answer = await api.ask("GET", "/api", headers=token)
    assert (status, answer["message"]) == (
        403,
        'users "root" is forbidden: User "system:serviceaccount:acc:default" cannot impersonate resource "users" in API '
        'group "" at the cluster scope',
    )


@pytest.mark.parametrize("header", ["Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes"])
async def test_what_is_put_on_without_a_user_is_not_overlooked(api, header):
    status, answer = await api.ask("GET", "/api", headers=ADMIN | {header: "crew"})
    assert (status, answer["reason"]) == (400, "BadRequest")


async def test_the_keys_are_published(api):
    token = {"Authorization": f"Bearer {await token_of(api, 'default')}"}
    status, answer = await api.ask("GET", "/openid/v1/jwks", headers=token)
    assert (status, answer["keys"][0]["crv"]) == (200, "P-256")


async def test_a_review_has_no_row_in_a_table(api):
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    body["spec"] = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    headers = ADMIN | {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    status, answer = await api.ask("POST", path, body, headers=headers)
    assert (status, answer["reason"]) == (406, "NotAcceptable")


async def test_a_pod_without_a_node_has_said_nothing_yet(api):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "waiting"}}
    pod["spec"] = {"containers": [{"name": "c", "image": "i:1"}]}
    assert (await api.ask("POST", "/api/v1/namespaces/acc/pods", pod))[0] == 201
    assert await api.ask("GET", "/api/v1/namespaces/acc/pods/waiting/log") == (204, "")
    status, answer = await api.ask("GET", "/api/v1/namespaces/acc/pods/waiting/log?container=none")
    assert (status, answer["reason"]) == (400, "BadRequest")
