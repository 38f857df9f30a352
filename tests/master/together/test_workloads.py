"""Deployments, ReplicaSets and ReplicationControllers over the real API: what a user does and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from kube import kinds


def row(name: str, api_version: str = "v1") -> kinds.Kind:
    return kinds.kind_of({"apiVersion": api_version, "kind": name})


DEPLOYMENT, REPLICA_SET = row("Deployment", "apps/v1"), row("ReplicaSet", "apps/v1")
REVISION = row("ControllerRevision", "apps/v1")
CONTROLLER, POD = row("ReplicationController"), row("Pod")
HEAD = {"apiVersion": "v1", "kind": "Pod"}


def template(image: str = "web:1") -> dict[str, Any]:
    container = {"name": "c", "image": image, "ports": [{"containerPort": 80}]}
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}


def deployment(replicas: int = 3, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(),
            **spec,
        },
    }


async def rolled_out(cluster: Any, replicas: int) -> dict[str, Any]:
    async def done() -> Any:
        live = await cluster.client.get(DEPLOYMENT, "default", "web")
        status = live.get("status") or {}
        counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        return live if seen and counts == [replicas] * 3 else None

    return await cluster.until(done, "the rollout")


def reason(live: dict[str, Any], type_: str) -> str:
    return next(item["reason"] for item in live["status"]["conditions"] if item["type"] == type_)


async def test_a_deployment_comes_up_spread_over_its_nodes(cluster):
    await cluster.node("a")
    await cluster.node("b")
    await cluster.create(deployment(4))
    live = await rolled_out(cluster, 4)
    assert reason(live, "Progressing") == "NewReplicaSetAvailable"
    assert reason(live, "Available") == "MinimumReplicasAvailable"
    assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    nodes = [pod["spec"]["nodeName"] for pod in await cluster.pods()]
    assert sorted(nodes) == ["a", "a", "b", "b"]


async def test_a_new_template_rolls_and_the_old_comes_back_by_undo(cluster):
    await cluster.node("a")
    await cluster.create(deployment(3))
    await rolled_out(cluster, 3)
    await cluster.client.patch(DEPLOYMENT, "default", "web", {"spec": {"template": template("web:2")}})
    live = await rolled_out(cluster, 3)
    assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert {pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()} == {"web:2"}
    await cluster.client.patch(DEPLOYMENT, "default", "web", {"spec": {"template": template("web:1")}})
    live = await rolled_out(cluster, 3)
    assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    sets, _ = await cluster.client.list(REPLICA_SET, "default")
    assert len(sets) == 2


async def test_recreate_stops_the_old_before_the_new(cluster):
    await cluster.node("a")
    await cluster.create(deployment(2, strategy={"type": "Recreate"}))
    await rolled_out(cluster, 2)
    await cluster.client.patch(DEPLOYMENT, "default", "web", {"spec": {"template": template("web:2")}})
    await rolled_out(cluster, 2)
    assert {pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()} == {"web:2"}


async def test_scaling_up_and_down(cluster):
    await cluster.node("a")
    await cluster.create(deployment(1))
    await rolled_out(cluster, 1)
    for size in (5, 2):
        await cluster.client.patch(DEPLOYMENT, "default", "web", {"spec": {"replicas": size}})
        await rolled_out(cluster, size)

        async def settled(size: int = size) -> bool:
            return len(await cluster.pods()) == size

        await cluster.until(settled, f"{size} pods")


async def test_a_deleted_pod_is_replaced(cluster):
    await cluster.node("a")
    controller = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"app": "web"}, "template": template()},
    }
    await cluster.create(controller)

    async def two_ready() -> Any:
        live = await cluster.client.get(CONTROLLER, "default", "web")
        return (live.get("status") or {}).get("readyReplicas") == 2

    await cluster.until(two_ready, "two ready pods")
    victim = (await cluster.pods())[0]["metadata"]
    await cluster.client.delete(row("Pod"), "default", victim["name"])

    async def replaced() -> bool:
        pods = await cluster.pods()
        return len(pods) == 2 and victim["uid"] not in {pod["metadata"]["uid"] for pod in pods}

    await cluster.until(replaced, "the replacement")


async def test_deleting_a_deployment_takes_its_pods_along(cluster):
    await cluster.node("a")
    await cluster.create(deployment(3))
    await rolled_out(cluster, 3)
    await cluster.client.delete(DEPLOYMENT, "default", "web", propagation="Background")

    async def nothing_left() -> bool:
        sets, _ = await cluster.client.list(REPLICA_SET, "default")
        return not sets and not await cluster.pods()

    await cluster.until(nothing_left, "everything to go")


async def test_foreground_deletion_waits_for_the_pods(cluster):
    await cluster.node("a")
    await cluster.create(deployment(2))
    await rolled_out(cluster, 2)
    await cluster.client.delete(DEPLOYMENT, "default", "web", propagation="Foreground")
    await cluster.gone(DEPLOYMENT, "default", "web")
    assert await cluster.pods() == []


async def test_pods_that_own_each_other_in_a_circle_all_go(cluster):
    names = ["a", "b", "c"]
    made = {name: await cluster.create({**template(), **HEAD, "metadata": {"name": name}}) for name in names}
    for name, above in zip(names, ["c", "a", "b"], strict=True):
        owner = {**HEAD, "name": above, "uid": made[above]["metadata"]["uid"]}
        reference = {**owner, "controller": True, "blockOwnerDeletion": True}
        await cluster.client.patch(POD, "default", name, {"metadata": {"ownerReferences": [reference]}})
    await cluster.client.delete(POD, "default", "a", propagation="Foreground")

    async def nothing_left() -> bool:
        return not await cluster.pods()

    await cluster.until(nothing_left, "the circle to go")


async def test_orphans_stay_and_are_adopted_again(cluster):
    await cluster.node("a")
    await cluster.create(deployment(2))
    await rolled_out(cluster, 2)
    before = {pod["metadata"]["uid"] for pod in await cluster.pods()}
    await cluster.client.delete(DEPLOYMENT, "default", "web", propagation="Orphan")
    await cluster.gone(DEPLOYMENT, "default", "web")
    sets, _ = await cluster.client.list(REPLICA_SET, "default")
    assert ["ownerReferences" in item["metadata"] for item in sets] == [False]
    await cluster.create(deployment(2))
    await rolled_out(cluster, 2)
    assert {pod["metadata"]["uid"] for pod in await cluster.pods()} == before


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_pods_are_taken_in_and_let_go(cluster, kind):
    await cluster.node("node-1")
    row = kinds.kind_of({"apiVersion": "apps/v1", "kind": kind})
    labels = {"claimed": "yes"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    spec |= {"serviceName": "s", "replicas": 1} if kind == "StatefulSet" else {}
    await cluster.create({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "o"}, "spec": spec})
    pod = (await cluster.until(cluster.pods))[0]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    await cluster.client.patch(POD, "default", name, {"metadata": {"ownerReferences": None}})

    async def owners() -> list:
        return (await cluster.client.get(POD, "default", name))["metadata"].get("ownerReferences") or []

    await cluster.until(owners, "the pod to be taken in")
    assert [item["kind"] for item in await owners()] == [kind]
    await cluster.client.patch(POD, "default", name, {"metadata": {"labels": {"claimed": None}}})

    async def released() -> bool:
        return not await owners()

    await cluster.until(released, "the pod to be let go")
    assert (await cluster.client.get(POD, "default", name))["metadata"]["uid"] == uid
    await cluster.client.delete(row, "default", "o")


async def test_a_replica_set_whose_labels_no_longer_match_is_let_go(cluster):
    await cluster.node("a")
    await cluster.create(deployment(1))
    await rolled_out(cluster, 1)
    (item,), _ = await cluster.client.list(REPLICA_SET, "default")
    name = item["metadata"]["name"]
    await cluster.client.patch(REPLICA_SET, "default", name, {"metadata": {"labels": {"app": "other"}}})

    async def free() -> bool:
        live = await cluster.client.get(REPLICA_SET, "default", name)
        return "ownerReferences" not in live["metadata"]

    await cluster.until(free, "the ReplicaSet to be let go")


async def test_a_revision_of_nobody_s_is_taken_over_where_it_says_the_same(cluster):
    await cluster.node("a")
    labels = {"app": "d"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pods}
    await cluster.create({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}, "spec": spec})

    async def revisions() -> Any:
        return (await cluster.client.list(REVISION, "default"))[0]

    (first,) = await cluster.until(revisions)
    copy = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": first["data"]}
    meta = {"name": "by-hand", "labels": labels}
    await cluster.create({**copy, "metadata": meta, "revision": first["revision"] + 1})
    await cluster.client.delete(REVISION, "default", first["metadata"]["name"])
    wake = {"metadata": {"annotations": {"wake": "up"}}}
    await cluster.client.patch(kinds.known("apps/v1", "DaemonSet"), "default", "d", wake)

    async def taken_over() -> bool:
        meta = (await cluster.client.get(REVISION, "default", "by-hand"))["metadata"]
        return "ownerReferences" in meta and meta["labels"].get("controller-revision-hash") == "by-hand"

    await cluster.until(taken_over, "the revision to be taken over")
    assert [item["metadata"]["name"] for item in await revisions()] == ["by-hand"]
