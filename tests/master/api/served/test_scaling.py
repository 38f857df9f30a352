"""The scale of a workload: read as a Table, and applied by managers that own its one field."""

import pytest

SETS = "/apis/apps/v1/namespaces/default/replicasets"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
async def web(api):
    await api.namespace("default")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    await api.create(SETS, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec})
    return api


async def applied(api, manager, replicas, force="false"):
    body = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas},
    }
    return await api.ask("PATCH", f"{SETS}/web/scale?fieldManager={manager}&force={force}", body, APPLY)


async def test_an_applied_scale_owns_the_replicas(web):
    status, answer, _ = await applied(web, "one", 3, "true")
    assert (status, answer["kind"], answer["spec"]) == (200, "Scale", {"replicas": 3})
    _, found, _ = await web.ask("GET", f"{SETS}/web")
    entry = next(one for one in found["metadata"]["managedFields"] if one["manager"] == "one")
    assert (entry["operation"], entry["subresource"]) == ("Apply", "scale")
    assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


async def test_another_manager_conflicts_until_it_forces(web):
    await applied(web, "one", 3, "true")
    status, answer, _ = await applied(web, "two", 4)
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["details"]["causes"][0]["field"] == ".spec.replicas"
    status, answer, _ = await applied(web, "two", 4, "true")
    assert (status, answer["spec"]["replicas"]) == (200, 4)


async def test_a_scale_has_a_row(web):
    _, answer, _ = await web.ask("GET", f"{SETS}/web/scale", accept=TABLE)
    assert [column["name"] for column in answer["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
    assert answer["rows"][0]["cells"][:3] == ["web", 1, 0]
