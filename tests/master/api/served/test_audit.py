"""The audit log around a whole API server: a line a request, as much of it as the policy says."""

import json
from dataclasses import replace

import aiohttp
import pytest

from kube.config import AuditSection, MasterConfig
from kube.layout import Layout
from master.api.running import audited
from master.api.server import Listener

PATH = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def logged(api, tmp_path):
    """`await logged(policy)`: what the log says of the creation of a namespace and of a ConfigMap in it."""

    async def make(policy="", name="x"):
        (tmp_path / "policy.yaml").write_text(policy)
        section = AuditSection(path="/audit.log", policy="/policy.yaml" if policy else "")
        handler = audited(Layout(tmp_path), MasterConfig(audit=section), api.server.api)
        listener = Listener(handler, "127.0.0.1", 0)
        await listener.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
                noted = replace(api, session=session)
                await noted.namespace("default")
                config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
                await noted.ask("POST", PATH, config_map, "application/json")
        finally:
            await listener.stop()
            handler.__self__.log.close()
        return [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]

    return make


def policy(level):
    return f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{{level: {level}, resources: [{{resources: [configmaps]}}]}}]"


async def test_who_asked_for_what(logged):
    made, event = await logged()
    assert made["objectRef"] == {"resource": "namespaces", "apiVersion": "v1"}
    assert (event["level"], event["verb"], event["stage"]) == ("Metadata", "create", "ResponseComplete")
    assert event["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    assert event["objectRef"] == {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert event["responseStatus"] == {"metadata": {}, "code": 201}
    assert "requestObject" not in event


@pytest.mark.parametrize("level, members", [("Request", 1), ("RequestResponse", 2)])
async def test_bodies_by_level(logged, level, members):
    (event,) = await logged(policy(level))
    bodies = [event[name]["metadata"]["name"] for name in ("requestObject", "responseObject") if name in event]
    assert bodies == ["x"] * members


async def test_a_refusal_is_told(logged):
    (event,) = await logged(policy("Metadata"), name="NO")
    assert (event["responseStatus"]["code"], event["responseStatus"]["reason"]) == (422, "Invalid")
