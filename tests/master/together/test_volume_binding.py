"""A claim whose class waits for its first consumer: the node first, then the volume, then the pod."""

from __future__ import annotations

from typing import Any

from kube.kinds import known

POD, CLAIM, VOLUME = known("v1", "Pod"), known("v1", "PersistentVolumeClaim"), known("v1", "PersistentVolume")
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "late"},
    "provisioner": "example.com/disks",
    "volumeBindingMode": "WaitForFirstConsumer",
}
SIZE = {"storage": "1Gi"}
HOW = {"accessModes": ["ReadWriteOnce"], "storageClassName": "late", "volumeMode": "Filesystem"}


def obj(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


async def test_the_pod_is_bound_after_its_claim(cluster):
    await cluster.node("only")
    await cluster.create(CLASS)
    await cluster.create(obj("PersistentVolumeClaim", "data", HOW | {"resources": {"requests": SIZE}}))
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    await cluster.create(obj("Pod", "user", {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}))

    async def selected() -> Any:
        live = await cluster.client.get(CLAIM, "default", "data")
        return live["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node")

    assert await cluster.until(selected, "the node on the claim") == "only"
    assert "nodeName" not in (await cluster.client.get(POD, "default", "user"))["spec"]

    made = HOW | {"capacity": SIZE, "hostPath": {"path": "/data"}, "claimRef": {"namespace": "default", "name": "data"}}
    await cluster.create(obj("PersistentVolume", "made", made))
    done = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "made"}}
    await cluster.client.patch(CLAIM, "default", "data", done)

    async def placed() -> Any:
        return (await cluster.client.get(POD, "default", "user"))["spec"].get("nodeName")

    assert await cluster.until(placed, "the pod on its node") == "only"
