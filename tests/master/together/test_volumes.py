"""Claims and volumes over the real API: bound to each other, kept while in use, reclaimed, made where the class is ours."""

from __future__ import annotations

from typing import Any

import pytest

from kube import kinds
from master.api.bootstrap import LOCAL_PATHS
from master.controllers import localpaths

CLAIM, VOLUME, POD = (
    kinds.kind_of({"apiVersion": "v1", "kind": kind}) for kind in ("PersistentVolumeClaim", "PersistentVolume", "Pod")
)
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})


def volume(name: str, size: str = "1Gi", policy: str = "Retain", **spec: Any) -> dict[str, Any]:
    body = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": f"/srv/{name}"}}
    body |= {"persistentVolumeReclaimPolicy": policy, "storageClassName": "manual", **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": body}


def claim(name: str, size: str = "1Gi", storage_class: str = "manual", **spec: Any) -> dict[str, Any]:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    body["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": body}


def user(name: str, claim_name: str) -> dict[str, Any]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    spec = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


async def phase(cluster, kind: kinds.Kind, name: str, wanted: str) -> dict[str, Any]:
    """The object once it is in a phase."""
    namespace = "default" if kind.namespaced else ""

    async def there() -> Any:
        found = await cluster.client.get(kind, namespace, name)
        return found if (found.get("status") or {}).get("phase") == wanted else None

    return dict(await cluster.until(there, f"{kind.kind} {name} to become {wanted}"))


async def told(cluster, *reasons: str) -> None:
    async def heard() -> bool:
        events, _ = await cluster.client.list(EVENT)
        return set(reasons) <= {event["reason"] for event in events}

    await cluster.until(heard, f"events {reasons}")


async def test_the_smallest_that_suits_is_bound_and_released(cluster):
    for name, size in (("large", "5Gi"), ("fits", "2Gi"), ("small", "500Mi")):
        await cluster.create(volume(name, size))
        await phase(cluster, VOLUME, name, "Available")
    await cluster.create(claim("c", "1Gi"))
    bound = await phase(cluster, CLAIM, "c", "Bound")
    assert bound["spec"]["volumeName"] == "fits"
    assert bound["status"]["capacity"] == {"storage": "2Gi"}
    assert bound["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
    assert (await phase(cluster, VOLUME, "fits", "Bound"))["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]
    await cluster.client.delete(CLAIM, "default", "c")
    await phase(cluster, VOLUME, "fits", "Released")


@pytest.mark.parametrize(
    "parts",
    [{"volumeName": "v"}, {"volumeName": "v", "storage_class": "other"}, {"selector": {"matchLabels": {"a": "b"}}}],
    ids=["by-name", "other-class", "selector"],
)
async def test_who_may_be_bound(cluster, parts):
    labelled = volume("v")
    labelled["metadata"]["labels"] = {"a": "b"}
    await cluster.create(labelled)
    await cluster.create(claim("c", **parts))
    if "storage_class" in parts:
        await told(cluster, "VolumeMismatch")
        await phase(cluster, CLAIM, "c", "Pending")
    else:
        await phase(cluster, CLAIM, "c", "Bound")


async def test_a_volume_kept_for_a_claim_is_given_to_no_other(cluster):
    await cluster.create(volume("kept", claimRef={"namespace": "default", "name": "mine"}))
    await cluster.create(claim("other", "1Gi", ""))
    await cluster.create(claim("wants"))
    await told(cluster, "FailedBinding", "ProvisioningFailed")
    await cluster.create(claim("mine"))
    assert (await phase(cluster, CLAIM, "mine", "Bound"))["spec"]["volumeName"] == "kept"
    await phase(cluster, CLAIM, "wants", "Pending")


@pytest.mark.parametrize(("policy", "reason"), [("Delete", "VolumeFailedDelete"), ("Recycle", "VolumeFailedRecycle")])
async def test_what_nobody_can_reclaim_has_failed(cluster, policy, reason):
    await cluster.create(volume("v", policy=policy))
    await cluster.create(claim("c"))
    await phase(cluster, CLAIM, "c", "Bound")
    await cluster.client.delete(CLAIM, "default", "c")
    failed = await phase(cluster, VOLUME, "v", "Failed")
    assert "no" in failed["status"]["message"]
    await told(cluster, reason)


async def test_a_claim_whose_volume_goes_is_lost(cluster):
    await cluster.create(volume("v"))
    await cluster.create(claim("c"))
    await phase(cluster, VOLUME, "v", "Bound")
    await phase(cluster, CLAIM, "c", "Bound")
    await cluster.client.delete(VOLUME, "", "v")
    assert (await cluster.client.get(VOLUME, "", "v"))["metadata"]["deletionTimestamp"]
    await cluster.client.patch(VOLUME, "", "v", {"metadata": {"finalizers": None}})
    await phase(cluster, CLAIM, "c", "Lost")
    await told(cluster, "ClaimLost")


async def test_a_claim_in_use_outlives_its_deletion(cluster):
    await cluster.node("node-1")
    await cluster.create(volume("v"))
    await cluster.create(claim("c"))
    await phase(cluster, CLAIM, "c", "Bound")
    await cluster.create(user("p", "c"))
    await phase(cluster, POD, "p", "Running")
    await cluster.client.delete(CLAIM, "default", "c")
    assert (await cluster.client.get(CLAIM, "default", "c"))["metadata"]["finalizers"]
    await cluster.client.delete(POD, "default", "p")
    await cluster.gone(CLAIM, "default", "c")


async def test_a_directory_is_made_where_the_pod_goes(cluster):
    await cluster.node("node-1")
    await cluster.create(LOCAL_PATHS)
    assert LOCAL_PATHS["provisioner"] == localpaths.PROVISIONER
    await cluster.create(claim("c", "1Gi", "local-path"))
    await told(cluster, "WaitForFirstConsumer")
    await cluster.create(user("p", "c"))
    await phase(cluster, POD, "p", "Running")
    bound = await phase(cluster, CLAIM, "c", "Bound")
    made = await cluster.client.get(VOLUME, "", bound["spec"]["volumeName"])
    assert made["spec"]["hostPath"]["path"] == f"{localpaths.FOLDER}/pvc-{bound['metadata']['uid']}"
    assert localpaths.node_of(made) == "node-1"
    await told(cluster, "ProvisioningSucceeded")
    await cluster.client.patch(CLAIM, "default", "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})

    async def grown() -> bool:
        found = await cluster.client.get(CLAIM, "default", "c")
        return found["status"]["capacity"] == {"storage": "2Gi"}

    await cluster.until(grown)


async def test_an_ephemeral_volume_is_a_claim_of_the_pod(cluster):
    await cluster.node("node-1")
    await cluster.create(volume("v"))
    pod = user("p", "unused")
    template = {"spec": claim("x")["spec"]}
    pod["spec"]["volumes"] = [{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}]
    await cluster.create(pod)
    await phase(cluster, POD, "p", "Running")
    made = await phase(cluster, CLAIM, "p-data", "Bound")
    assert made["metadata"]["ownerReferences"][0]["name"] == "p"
    await cluster.client.delete(POD, "default", "p")
    await cluster.gone(CLAIM, "default", "p-data")


async def test_a_claim_without_class_gets_the_default_when_there_is_one(cluster):
    late = claim("c")
    del late["spec"]["storageClassName"]
    await cluster.create(late)
    await told(cluster, "FailedBinding")
    await cluster.create(LOCAL_PATHS)

    async def classed() -> bool:
        return (await cluster.client.get(CLAIM, "default", "c"))["spec"].get("storageClassName") == "local-path"

    await cluster.until(classed)
