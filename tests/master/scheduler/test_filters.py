"""Who may go where, and why not, in Kubernetes' words."""

import pytest

from master.scheduler.decisions import Cure, Placement, Unschedulable
from master.scheduler.volumes import Claim, Volume

NOT_HELPFUL = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
NO_VICTIMS = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."


def required(*terms: dict) -> dict:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


FITS = [
    ("free", {}, {"requests": {"cpu": "4"}}),
    ("selector", {"labels": {"disk": "ssd"}}, {"nodeSelector": {"disk": "ssd"}}),
    ("affinity-in", {"labels": {"zone": "a"}}, {"affinity": required(expression("zone", "In", "a", "b"))}),
    ("affinity-gt", {"labels": {"cores": "8"}}, {"affinity": required(expression("cores", "Gt", "4"))}),
    (
        "affinity-any-term",
        {},
        {"affinity": required(expression("x", "Exists"), expression("x", "DoesNotExist"))},
    ),
    (
        "affinity-name",
        {},
        {
            "affinity": required(
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
            )
        },
    ),
    (
        "tolerated",
        {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        {"tolerations": [{"key": "k", "value": "v"}]},
    ),
    (
        "tolerates-all",
        {"taints": [{"key": "k", "effect": "NoExecute"}]},
        {"tolerations": [{"operator": "Exists"}]},
    ),
    ("prefer-only", {"taints": [{"key": "k", "effect": "PreferNoSchedule"}]}, {}),
    ("cordoned-tolerated", {"unschedulable": True}, {"tolerations": [{"operator": "Exists"}]}),
]


@pytest.mark.parametrize(("node", "pod"), [row[1:] for row in FITS], ids=[row[0] for row in FITS])
def test_fits(scene, node, pod):
    scene.node("n", **node)
    assert isinstance(scene.decide(**pod), Placement)


REFUSED = [
    ("cpu-ever", {}, {"requests": {"cpu": "5"}}, "1 Insufficient cpu", NOT_HELPFUL),
    ("gpu", {}, {"requests": {"example.com/gpu": "1"}}, "1 Insufficient example.com/gpu", NOT_HELPFUL),
    (
        "selector",
        {},
        {"nodeSelector": {"disk": "ssd"}},
        "1 node(s) didn't match Pod's node affinity/selector",
        NOT_HELPFUL,
    ),
    (
        "empty-terms",
        {},
        {"affinity": required({})},
        "1 node(s) didn't match Pod's node affinity/selector",
        NOT_HELPFUL,
    ),
    (
        "taint",
        {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        {"tolerations": [{"key": "k", "value": "other"}]},
        "1 node(s) had untolerated taint(s)",
        NOT_HELPFUL,
    ),
    ("cordoned", {"unschedulable": True}, {}, "1 node(s) were unschedulable", NOT_HELPFUL),
    ("full", {"pods": "0"}, {}, "1 Too many pods", NO_VICTIMS),
]


@pytest.mark.parametrize(("node", "pod", "reason", "preemption"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(scene, node, pod, reason, preemption):
    scene.node("n", **node)
    assert scene.decide(**pod).message == (
        f"0/1 nodes are available: {reason}. no new claims to deallocate, {preemption}"
    )


def test_what_others_took_is_not_free(scene):
    scene.node("n")
    scene.runs("n", "a", {"cpu": "3", "memory": "7Gi"})
    decision = scene.decide({"cpu": "2", "memory": "2Gi"})
    assert "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. " in decision.message
    assert Cure.LEFT in decision.cures
    scene.cluster.remove_pod(("ns", "a"))
    assert isinstance(scene.decide({"cpu": "2", "memory": "2Gi"}), Placement)


@pytest.mark.parametrize(
    ("taken", "wanted", "fits"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, False),
        ({"hostPort": 80}, {"hostPort": 81}, True),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, True),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, False),
    ],
)
def test_host_ports(scene, taken, wanted, fits):
    scene.node("n")
    scene.runs("n", "a", container={"ports": [taken]})
    assert isinstance(scene.decide(container={"ports": [wanted]}), Placement) is fits


def test_reasons_are_counted_over_nodes(scene):
    scene.node("a", cpu="1")
    scene.node("b", cpu="1")
    scene.node("c", taints=[{"key": "k", "effect": "NoSchedule"}])
    assert scene.decide({"cpu": "2"}).message.startswith(
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. "
    )


def test_no_nodes_at_all(scene):
    assert scene.decide() == Unschedulable("no nodes available to schedule pods", frozenset((Cure.NODE,)))


def test_a_missing_claim(scene):
    scene.node("n")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "missing"}}]
    decision = scene.decide(volumes=volumes)
    assert decision.message == '0/1 nodes are available: persistentvolumeclaim "missing" not found. not found'
    storage = scene.cluster.storage
    storage.volumes["pv"] = Volume("pv")
    storage.claims["ns", "missing"] = Claim(("ns", "missing"), volume="pv", bound=True)
    assert isinstance(scene.decide(volumes=volumes), Placement)
