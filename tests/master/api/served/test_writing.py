"""Updates and deletions: versions, races, finalizers, grace."""

import asyncio

import pytest

PODS, MAPS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
JSON, MERGE = "application/json", "application/merge-patch+json"


def config_map(name, **meta):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}}


def deployment(name):
    template = {"metadata": {"labels": {"a": name}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec = {"selector": {"matchLabels": {"a": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
async def space(api):
    await api.namespace("default")
    return api


async def test_an_update_of_an_old_version_is_a_conflict(space):
    old = await space.create(MAPS, config_map("a"))
    await space.ask("PATCH", f"{MAPS}/a", {"data": {"k": "1"}}, MERGE)
    status, answer, _ = await space.ask("PUT", f"{MAPS}/a", old | {"data": {"k": "2"}}, JSON)
    assert (status, answer["reason"]) == (409, "Conflict")


async def test_patches_without_a_version_all_arrive(space):
    await space.create(MAPS, config_map("a"))
    await asyncio.gather(
        *(space.ask("PATCH", f"{MAPS}/a", {"data": {f"k{number}": "1"}}, MERGE) for number in range(12))
    )
    _, answer, _ = await space.ask("GET", f"{MAPS}/a")
    assert len(answer["data"]) == 12


async def test_a_patch_that_changes_nothing_writes_nothing(space):
    await space.create(MAPS, config_map("a"))
    before = space.server.store.revision
    status, _, _ = await space.ask("PATCH", f"{MAPS}/a", {}, MERGE)
    assert (status, space.server.store.revision) == (200, before)


@pytest.mark.parametrize(
    ("policy", "finalizer", "status"),
    [("Foreground", "foregroundDeletion", 202), ("Orphan", "orphan", 200)],
)
async def test_dependents_hold_an_object_by_a_finalizer(space, policy, finalizer, status):
    await space.create(DEPLOYMENTS, deployment("d"))
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
    code, answer, _ = await space.ask("DELETE", f"{DEPLOYMENTS}/d", body, JSON)
    assert (code, answer["metadata"]["finalizers"]) == (status, [finalizer])
    await space.ask("PATCH", f"{DEPLOYMENTS}/d", {"metadata": {"finalizers": None}}, MERGE)
    assert (await space.ask("GET", f"{DEPLOYMENTS}/d"))[0] == 404


async def test_a_running_pod_gets_its_grace_and_goes_when_its_node_says_so(space):
    spec = {"containers": [{"name": "c", "image": "i:1"}], "nodeName": "n", "terminationGracePeriodSeconds": 7}
    await space.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    _, answer, _ = await space.ask("DELETE", f"{PODS}/p")
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 7
    _, again, _ = await space.ask("DELETE", f"{PODS}/p")
    assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
    await space.ask("DELETE", f"{PODS}/p?gracePeriodSeconds=0")
    assert (await space.ask("GET", f"{PODS}/p"))[0] == 404


async def test_a_namespace_goes_when_its_last_finalizer_does(space):
    await space.namespace("going")
    path = "/api/v1/namespaces/going"
    _, answer, _ = await space.ask("DELETE", path)
    assert answer["status"]["phase"] == "Terminating"
    answer["spec"]["finalizers"] = []
    status, _, _ = await space.ask("PUT", f"{path}/finalize", answer, JSON)
    assert (status, (await space.ask("GET", path))[0]) == (200, 404)


async def test_a_lease_is_made_by_the_first_put(space):
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    assert (await space.ask("PUT", path, lease, JSON))[0] == 201
    assert (await space.ask("PUT", path, lease, JSON))[0] == 422  # which version it replaces has to be said


async def test_generated_names_are_all_different(space):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-"}}
    made = [await space.create(MAPS, body) for _ in range(20)]
    assert len({one["metadata"]["name"] for one in made}) == 20


async def test_scale_counts_replicas_and_keeps_the_rest(space):
    await space.create(DEPLOYMENTS, deployment("d"))
    _, scale, _ = await space.ask("GET", f"{DEPLOYMENTS}/d/scale")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 1}, "a=d")
    scale["spec"]["replicas"] = 4
    _, answer, _ = await space.ask("PUT", f"{DEPLOYMENTS}/d/scale", scale, JSON)
    _, found, _ = await space.ask("GET", f"{DEPLOYMENTS}/d")
    assert (answer["spec"]["replicas"], found["spec"]["replicas"], found["metadata"]["generation"]) == (4, 4, 2)


async def test_autoscalers_are_one_store_in_two_versions(space):
    path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
    spec = {
        "maxReplicas": 3,
        "targetCPUUtilizationPercentage": 60,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
    }
    body = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": spec}
    made = await space.create(path, body)
    assert made["spec"]["targetCPUUtilizationPercentage"] == 60
    _, answer, _ = await space.ask("GET", f"{path.replace('v1', 'v2')}/h")
    assert answer["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}


async def test_a_binding_names_its_pod_in_the_path_or_itself(space):
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    for name in ("p", "q"):
        await space.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    target = {"kind": "Node", "name": "n"}
    for path, name in ((f"{PODS}/p/binding", "p"), ("/api/v1/namespaces/default/bindings", "q")):
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        assert (await space.ask("POST", path, binding, JSON))[0] == 201
        _, pod, _ = await space.ask("GET", f"{PODS}/{name}")
        assert pod["spec"]["nodeName"] == "n"
