"""An extension API server behind a Service: found by its APIService, asked over TLS in the caller's name."""

import asyncio
import base64
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from kube import certificates
from kube.certificates import Subject
from kube.config import MasterConfig
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki
from master.api import running, sealing
from master.api.aggregation.availability import Availability
from master.api.building import open_server
from master.api.server import Listener
from master.store.memory import MemoryStore

GROUP = "/apis/weather.example.com/v1"
SERVICE = "/api/v1/namespaces/default/services"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
RESOURCES = [
    {"name": "winds", "singularName": "wind", "namespaced": True, "kind": "Wind", "verbs": ["get", "list"]},
    {"name": "winds/status", "singularName": "", "namespaced": True, "kind": "Wind", "verbs": ["get"]},
]


@asynccontextmanager
async def api(root):
    layout, store = Layout(root), MemoryStore()
    ensure_master_pki(layout, Names())
    (root / "tokens").write_text('admins,admin,1,"system:masters"\nnobodys,nobody,2,"some"\n')
    config = replace(
        MasterConfig(), api=replace(MasterConfig().api, token_file=str(root / "tokens"), advertise=("192.0.2.2",))
    )
    sealed = sealing.build(layout)
    server = await open_server(store, lambda cache: running.parts(layout, config, cache, sealed), sealed.open)
    await running.make_first_objects(layout, config, server)
    listener = Listener(server.api.handle, "127.0.0.1", 0)
    await listener.start()
    availability = asyncio.create_task(Availability(server.api.delegates, server.registry).run())
    try:
        headers = {"Authorization": "Bearer admins"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}", headers=headers) as session:
            yield session, layout
    finally:
        availability.cancel()
        await asyncio.wait({availability})
        await listener.stop()
        await server.stop()
        await store.close()


async def extension(request):
    if request.path == GROUP:
        return web.json_response(
            {"kind": "APIResourceList", "groupVersion": "weather.example.com/v1", "resources": RESOURCES}
        )
    told = {name: request.headers.getall(name, []) for name in ("X-Remote-User", "X-Remote-Group", "Authorization")}
    subject = request.transport.get_extra_info("peercert")["subject"]
    return web.json_response({"path": request.raw_path, "told": told, "proxy": subject[0][0][1]})


@asynccontextmanager
async def extension_server(root, layout):
    """Its port and its authority; it lets nobody in but the front proxy."""
    now = datetime.now(UTC)
    authority = certificates.make_ca("weather", now)
    pair = certificates.issue(
        authority, Subject("weather", (), ("weather.default.svc",)), now, server=True, client=False
    )
    (root / "own.crt").write_bytes(pair.certificate)
    (root / "own.key").write_bytes(pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=layout.pki / "front-proxy-ca.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(root / "own.crt", root / "own.key")
    runner = web.ServerRunner(web.Server(extension), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1], authority.certificate
    finally:
        await runner.cleanup()


async def create(session, path, obj):
    async with session.post(path, json=obj) as answer:
        assert answer.status == 201, await answer.text()


async def register(session, port, authority):
    service = {"metadata": {"name": "weather"}, "spec": {"type": "ExternalName", "externalName": "127.0.0.1"}}
    await create(session, SERVICE, {"kind": "Service", "apiVersion": "v1", **service})
    spec = {"group": "weather.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15}
    spec["service"] = {"namespace": "default", "name": "weather", "port": port}
    spec["caBundle"] = base64.b64encode(authority).decode()
    api_version = "apiregistration.k8s.io/v1"
    named = {"kind": "APIService", "apiVersion": api_version, "metadata": {"name": "v1.weather.example.com"}}
    await create(session, API_SERVICES, {**named, "spec": spec})


async def condition(session, wanted):
    """Waits for the condition Available to be `wanted`."""
    async with session.get(f"{API_SERVICES}?watch=1&fieldSelector=metadata.name%3Dv1.weather.example.com") as watch:
        async for line in watch.content:
            conditions = (json.loads(line)["object"].get("status") or {}).get("conditions") or []
            if conditions and conditions[0]["status"] == wanted:
                return conditions[0]
    raise AssertionError("the watch ended")


async def ask(session, path, **options):
    async with session.get(path, **options) as answer:
        return answer.status, await answer.json()


@pytest.mark.timeout(30)
async def test_the_whole_way(tmp_path):
    async with api(tmp_path) as (session, layout), extension_server(tmp_path, layout) as (port, authority):
        await register(session, port, authority)
        assert (await condition(session, "True"))["reason"] == "Passed"

        status, answer = await ask(session, f"{GROUP}/namespaces/n/winds?x=%20y")
        assert (status, answer["path"], answer["proxy"]) == (
            200,
            f"{GROUP}/namespaces/n/winds?x=%20y",
            "front-proxy-client",
        )
        assert answer["told"]["X-Remote-User"] == ["admin"]
        assert "system:masters" in answer["told"]["X-Remote-Group"]
        assert answer["told"]["Authorization"] == []

        forged = {"Authorization": "Bearer admins", "X-Remote-User": "root"}
        _, answer = await ask(session, f"{GROUP}/namespaces/n/winds", headers=forged)
        assert answer["told"]["X-Remote-User"] == ["admin"]

        status, _ = await ask(session, f"{GROUP}/winds", headers={"Authorization": "Bearer nobodys"})
        assert status == 403

        _, groups = await ask(session, "/apis")
        assert "weather.example.com" in [group["name"] for group in groups["groups"]]
        aggregated = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
        _, document = await ask(session, "/apis", headers={"Authorization": "Bearer admins", **aggregated})
        [item] = [one for one in document["items"] if one["metadata"]["name"] == "weather.example.com"]
        [wind] = item["versions"][0]["resources"]
        assert (wind["resource"], wind["subresources"][0]["subresource"]) == ("winds", "status")


@pytest.mark.timeout(30)
async def test_a_server_that_cannot_be_asked_is_not_available(tmp_path):
    async with api(tmp_path) as (session, layout), extension_server(tmp_path, layout) as (port, _):
        now = datetime.now(UTC)
        await register(session, port, certificates.make_ca("another", now).certificate)
        found = await condition(session, "False")
        assert found["reason"] == "FailedDiscoveryCheck" and "certificate" in found["message"]
        status, answer = await ask(session, f"{GROUP}/winds")
        assert (status, answer["reason"]) == (503, "ServiceUnavailable")


async def test_local_groups_and_what_extension_servers_read(tmp_path):
    async with api(tmp_path) as (session, layout):
        _, listed = await ask(session, API_SERVICES)
        assert {"v1.", "v1.apps", "v2.autoscaling"} <= {one["metadata"]["name"] for one in listed["items"]}
        assert {one["status"]["conditions"][0]["reason"] for one in listed["items"]} == {"Local"}
        _, found = await ask(session, "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
        assert found["data"]["requestheader-client-ca-file"] == (layout.pki / "front-proxy-ca.crt").read_text()
        assert json.loads(found["data"]["requestheader-allowed-names"]) == ["front-proxy-client"]


async def test_metrics_of_no_nodes(tmp_path):
    async with api(tmp_path) as (session, _layout):
        status, answer = await ask(session, "/apis/metrics.k8s.io/v1beta1/nodes")
        assert (status, answer["kind"], answer["items"]) == (200, "NodeMetricsList", [])
        status, answer = await ask(session, "/apis/metrics.k8s.io/v1beta1/namespaces/n/pods/p")
        assert (status, answer["message"]) == (404, 'podmetrics.metrics.k8s.io "n/p" not found')
        async with session.post("/apis/metrics.k8s.io/v1beta1/nodes", json={}) as refused:
            assert refused.status == 405
