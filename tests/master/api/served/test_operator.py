"""An operator written with kopf: a definition, finalizers, status and children, against the served API."""

import asyncio
import contextlib
from datetime import UTC, datetime

import kopf
import pytest

from kube.certificates import Subject, issue, make_ca

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "ferries.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "ferries", "kind": "Ferry"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"route": {"type": "string"}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
FERRIES = "/apis/example.com/v1/namespaces/default/ferries"
MERGE = "application/merge-patch+json"


@contextlib.asynccontextmanager
async def operating(server, registry, admission=None):
    """The operator, from when it is ready until it has stopped; `admission` is the server of its webhooks."""
    stop, ready = asyncio.Event(), asyncio.Event()

    @kopf.on.login(registry=registry)
    async def login(**_):
        return kopf.ConnectionInfo(server=server)

    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.admission.server = admission
    settings.admission.managed = "kopf.example.com" if admission else None
    settings.scanning.disabled = False
    settings.process.ultimate_exiting_timeout = None
    running = asyncio.create_task(
        kopf.operator(
            registry=registry,
            settings=settings,
            namespaces=["default"],
            standalone=True,
            ready_flag=ready,
            stop_flag=stop,
        )
    )
    try:
        await ready.wait()
        yield
    finally:
        stop.set()
        await running


@pytest.fixture
async def origin(api):
    async with api.session.get("/version") as response:
        return str(response.url.origin())


async def until(api, path, reached):
    async with asyncio.timeout(10):
        while True:
            status, answer, _ = await api.ask("GET", path)
            if reached(status, answer):
                return answer
            await asyncio.sleep(0.01)


async def test_create_update_delete(api, origin):
    registry, deleted = kopf.OperatorRegistry(), []

    @kopf.on.create("example.com", "v1", "ferries", registry=registry)
    @kopf.on.update("example.com", "v1", "ferries", registry=registry)
    async def sail(spec, patch, **_):
        patch.status["sailing"] = spec["route"]

    @kopf.on.delete("example.com", "v1", "ferries", registry=registry)
    async def land(name, **_):
        deleted.append(name)

    await api.namespace("default")
    await api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    await until(api, "/apis/example.com/v1", lambda status, _: status == 200)
    async with operating(origin, registry):
        body = {"apiVersion": "example.com/v1", "kind": "Ferry", "metadata": {"name": "f"}, "spec": {"route": "north"}}
        await api.create(FERRIES, body)
        found = await until(api, f"{FERRIES}/f", lambda _, obj: obj.get("status", {}).get("sailing") == "north")
        assert found["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
        await api.ask("PATCH", f"{FERRIES}/f", {"spec": {"route": "south"}}, MERGE)
        await until(api, f"{FERRIES}/f", lambda _, obj: obj.get("status", {}).get("sailing") == "south")
        await api.ask("DELETE", f"{FERRIES}/f")
        await until(api, f"{FERRIES}/f", lambda status, _: status == 404)
    assert deleted == ["f"]


@pytest.fixture
def hooks(tmp_path):
    """kopf's own HTTPS server, with a certificate of an authority of the test's."""
    now = datetime.now(UTC)
    authority = make_ca("kopf", now)
    own = issue(authority, Subject("hooks", names=("127.0.0.1",)), now, server=True, client=False)
    files = {"certfile": own.certificate, "pkeyfile": own.key, "cafile": authority.certificate}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return kopf.WebhookServer(addr="127.0.0.1", **{name: str(tmp_path / name) for name in files})


async def test_its_webhooks_complete_and_refuse(api, origin, hooks):
    registry = kopf.OperatorRegistry()

    @kopf.on.mutate("example.com", "v1", "ferries", registry=registry)
    async def default_route(spec, patch, warnings, **_):
        warnings.append("no route: it goes north")
        patch.spec["route"] = spec.get("route", "north")

    @kopf.on.validate("example.com", "v1", "ferries", registry=registry)
    async def known_route(spec, **_):
        if spec["route"] not in ("north", "south"):
            raise kopf.AdmissionError(f"no such route: {spec['route']}", code=409)

    await api.namespace("default")
    await api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    await until(api, "/apis/example.com/v1", lambda status, _: status == 200)
    async with operating(origin, registry, hooks):
        group = "/apis/admissionregistration.k8s.io/v1"
        for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
            await until(api, f"{group}/{plural}", lambda _, answer: any(one.get("webhooks") for one in answer["items"]))
        body = {"apiVersion": "example.com/v1", "kind": "Ferry", "metadata": {"name": "f"}}
        status, answer, headers = await api.ask("POST", FERRIES, body, "application/json")
        assert (status, answer["spec"]["route"]) == (201, "north"), answer
        assert "it goes north" in headers["Warning"]
        status, answer, _ = await api.ask("PATCH", f"{FERRIES}/f", {"spec": {"route": "moon"}}, MERGE)
        assert (status, answer["message"].endswith("denied the request: no such route: moon")) == (409, True), answer
