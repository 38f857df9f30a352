"""Where a pod may go for its claims' sake, and what has to be bound first."""

from typing import Any

import pytest

from master.scheduler.decisions import Cure, Placement, Unschedulable
from master.scheduler.volumes import read_claim, read_class, read_volume

MOUNTED: dict[str, Any] = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
HINDERED = "0/2 nodes are available: {}. no new claims to deallocate, preemption: 0/2 nodes are available: 2 {}."
UNHELPFUL = "Preemption is not helpful for scheduling"


@pytest.fixture
def nodes(scene):
    for name in ("a", "b"):
        scene.node(name, labels={"topology.kubernetes.io/zone": f"zone-{name}", "disk": name})
    return scene


def claim(scene, name: str = "data", phase: str = "Pending", notes: dict | None = None, **spec: Any) -> Any:
    meta = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "annotations": notes or {}}
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    found = read_claim({"metadata": meta, "spec": asked | spec, "status": {"phase": phase}})
    scene.cluster.storage.claims[found.key] = found
    return found


def volume(scene, name: str, size: str = "1Gi", on: str = "", labels: dict | None = None, **spec: Any) -> Any:
    have = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "storageClassName": "slow"}
    if on:
        term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": [on]}]}
        have["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    meta = {"name": name, "labels": labels or {}}
    found = read_volume({"metadata": meta, "spec": have | spec, "status": {"phase": "Available"}})
    scene.cluster.storage.volumes[name] = found
    return found


def storage_class(scene, provisioner: str = "kubernetes.io/no-provisioner", **parts: Any) -> None:
    body = {"metadata": {"name": "slow"}, "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer"}
    scene.cluster.storage.classes["slow"] = read_class(body | parts)


def said(scene) -> str:
    decision = scene.decide(**MOUNTED)
    assert isinstance(decision, Unschedulable)
    assert Cure.CLAIM in decision.cures
    return decision.message


def test_an_unbound_claim_that_does_not_wait(nodes):
    claim(nodes)
    assert said(nodes) == HINDERED.format("pod has unbound immediate PersistentVolumeClaims", UNHELPFUL)


def test_a_lost_claim(nodes):
    claim(nodes, phase="Lost", volumeName="pv")
    wanted = 'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"'
    assert said(nodes) == HINDERED.format(wanted, UNHELPFUL)


def test_a_claim_that_is_still_to_be_made_for_the_pod(nodes):
    decision = nodes.decide(volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}])
    wanted = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "new-scratch"'
    assert decision.message == HINDERED.format(wanted, UNHELPFUL)


def test_a_bound_volume_ties_the_pod_to_its_node(nodes):
    volume(nodes, "pv", on="b")
    claim(nodes, phase="Bound", volumeName="pv")
    assert nodes.decide(**MOUNTED).node == "b"
    nodes.cluster.remove_node("b")
    assert said(nodes).startswith("0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity. ")


def test_a_volume_in_another_zone(nodes):
    volume(nodes, "pv", labels={"topology.kubernetes.io/zone": "zone-x__zone-b"})
    claim(nodes, phase="Bound", volumeName="pv")
    assert nodes.decide(**MOUNTED).node == "b"


def test_a_volume_that_is_gone(nodes):
    claim(nodes, phase="Bound", volumeName="pv")
    assert "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)" in said(nodes)


def test_the_smallest_volume_that_suits_is_bound_first(nodes):
    storage_class(nodes)
    volume(nodes, "large", "9Gi", on="b")
    fitting = volume(nodes, "fitting", "2Gi", on="b")
    volume(nodes, "small", "1Mi", on="a")
    wanted = claim(nodes, storageClassName="slow")
    decision = nodes.decide(**MOUNTED)
    assert (decision.node, decision.plan.bind) == ("b", ((wanted, fitting),))


def test_what_another_was_promised_is_not_free(nodes):
    storage_class(nodes)
    volume(nodes, "only", on="a")
    claim(nodes, storageClassName="slow")
    first = nodes.decide(**MOUNTED)
    nodes.cluster.storage.take(first.plan)
    claim(nodes, "other", storageClassName="slow")
    others = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "other"}}]}
    assert "2 node(s) didn't find available persistent volumes to bind" in nodes.decide(**others).message
    nodes.cluster.storage.give_back(first.plan)
    assert nodes.decide(**others).node == "a"


def test_a_provisioner_is_told_the_node(nodes):
    rule = {"key": "topology.kubernetes.io/zone", "values": ["zone-b"]}
    storage_class(nodes, "example.com/disks", allowedTopologies=[{"matchLabelExpressions": [rule]}])
    wanted = claim(nodes, storageClassName="slow")
    decision = nodes.decide(**MOUNTED)
    assert (decision.node, decision.plan.provision) == ("b", (wanted,))


def test_a_claim_under_way_keeps_its_node(nodes):
    storage_class(nodes, "example.com/disks")
    claim(nodes, storageClassName="slow", notes={"volume.kubernetes.io/selected-node": "b"})
    assert nodes.decide(**MOUNTED).node == "b"


def test_one_pod_alone_uses_it_and_a_more_important_one_may_take_it(nodes):
    nodes.cluster.remove_node("b")
    volume(nodes, "pv", accessModes=["ReadWriteOncePod"])
    claim(nodes, phase="Bound", volumeName="pv", accessModes=["ReadWriteOncePod"])
    nodes.runs("a", "user", **MOUNTED)
    assert said(nodes) == (
        "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod "
        "access mode. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found "
        "for incoming pod."
    )
    assert [pod.key[1] for pod in nodes.decide(priority=1, **MOUNTED).victims] == ["user"]
    nodes.cluster.remove_pod(("ns", "user"))
    assert isinstance(nodes.decide(**MOUNTED), Placement)
