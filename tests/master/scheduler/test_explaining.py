"""What speaks against each node, and for it."""

import pytest

from master.scheduler.explaining import explain, read_cluster


def test_nodes_that_fit_come_first_and_the_best_at_the_top(scene):
    scene.node("full", cpu="1")
    scene.node("busy")
    scene.node("idle")
    scene.runs("busy", "x", {"cpu": "1"})
    found = explain(scene.pod("new", {"cpu": "2"}), scene.cluster)
    assert found.outcome == "fits"
    assert [(verdict.node, verdict.reasons) for verdict in found.verdicts] == [
        ("idle", ()),
        ("busy", ()),
        ("full", ("Insufficient cpu",)),
    ]
    assert dict(found.verdicts[0].scores)["NodeResourcesLeastAllocated"] > 50


def test_the_sum_is_what_the_scheduler_chooses_by(scene):
    for name in ("a", "b"):
        scene.node(name)
    scene.runs("a", "x", {"cpu": "1"})
    pod = scene.pod("new", {"cpu": "1"})
    chosen = scene.scheduler.schedule(pod)
    best = explain(pod, scene.cluster).verdicts[0]
    assert (best.node, best.total) == (chosen.node, pytest.approx(chosen.score))


def test_a_pod_that_runs_is_looked_at_as_if_it_did_not(scene):
    scene.node("a", cpu="2")
    scene.runs("a", "here", {"cpu": "2"})
    found = explain(scene.cluster.placed(("ns", "here")), scene.cluster)
    assert (found.outcome, found.verdicts[0].reasons) == ("runs on a", ())


def test_what_hinders_everywhere_is_said_once(scene):
    scene.node("a")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "missing"}}]
    found = explain(scene.pod("new", volumes=volumes), scene.cluster)
    assert 'persistentvolumeclaim "missing" not found' in found.outcome
    assert found.verdicts == ()


async def test_the_cluster_is_read_as_the_scheduler_reads_it():
    taken = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}], "nodeName": "a"}
    objects = {
        "Node": [{"metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "5"}}}],
        "Pod": [{"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": taken}],
        "Lease": [
            {
                "metadata": {
                    "name": "a",
                    "namespace": "kube-node-lease",
                    "annotations": {"wherry.dev/load": '{"cpu": 0.5}'},
                }
            }
        ],
    }

    async def listing(_api_version: str, kind: str) -> list[dict]:
        return objects.get(kind, [])

    info = (await read_cluster(listing)).nodes["a"]
    assert (info.requested, info.node.load.cpu) == ({"cpu": 1000}, 0.5)
