"""Which pods the node takes."""

import pytest

from agent.pods.admitting import is_new, rejection
from agent.pods.places import NodeFacts
from agent.pods.security import Refused, check_pod

FACTS = NodeFacts("node", allocatable={"cpu": "2", "memory": "1Gi", "pods": "3"})
NODE = {
    "metadata": {"name": "node", "labels": {"disk": "ssd"}},
    "spec": {"taints": [{"key": "old", "effect": "NoExecute"}, {"key": "busy", "effect": "NoSchedule"}]},
}
TOLERANT = {"tolerations": [{"key": "old", "operator": "Exists"}]}


def pod(cpu=None, port=None, phase="Pending", **spec):
    container = {"name": "c", "resources": {"requests": {"cpu": cpu} if cpu else {}}}
    container["ports"] = [{"containerPort": 80, "hostPort": port}] if port else []
    meta = {"name": "p", "namespace": "n", "uid": "u"}
    return {"metadata": meta, "spec": {"containers": [container]} | TOLERANT | spec, "status": {"phase": phase}}


def wants(operator, *values):
    term = {"matchExpressions": [{"key": "disk", "operator": operator, "values": list(values)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


@pytest.mark.parametrize(
    ("asked", "others", "reason"),
    [
        pytest.param(pod(), [], None, id="it fits"),
        pytest.param(pod("1500m"), [pod("500m")], None, id="it just fits"),
        pytest.param(pod("1500m"), [pod("600m")], "OutOfcpu", id="no cpu left"),
        pytest.param(pod("1500m"), [pod("600m", phase="Failed")], None, id="what ended takes nothing"),
        pytest.param(pod(), [pod(), pod(), pod()], "OutOfpods", id="too many pods"),
        pytest.param(pod("1", overhead={"cpu": "1500m"}), [], "OutOfcpu", id="overhead counts"),
        pytest.param(pod(nodeSelector={"disk": "ssd"}), [], None, id="its labels"),
        pytest.param(pod(nodeSelector={"disk": "hdd"}), [], "NodeAffinity", id="not its labels"),
        pytest.param(pod(**wants("In", "ssd")), [], None, id="its affinity"),
        pytest.param(pod(**wants("NotIn", "ssd")), [], "NodeAffinity", id="not its affinity"),
        pytest.param(pod(tolerations=[]), [], "TaintToleration", id="a taint that evicts"),
        pytest.param(pod(os={"name": "windows"}), [], "PodOSNotSupported", id="another system"),
        pytest.param(pod(port=80), [pod(port=80)], "NodePorts", id="its port is taken"),
        pytest.param(pod(port=80), [pod(port=81)], None, id="another port is taken"),
    ],
)
def test_admission(asked, others, reason):
    found = rejection(asked, FACTS, NODE, others)
    assert (found and found.reason) == reason


def test_the_words_of_a_node_that_is_full():
    found = rejection(pod("1500m"), FACTS, NODE, [pod("600m")])
    assert found.message == "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000"


def test_only_what_no_agent_took_is_judged():
    assert is_new(pod()) and not is_new({"status": {"startTime": "2026-01-01T00:00:00Z"}})


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "SysctlForbidden"),
        ({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}, "AppArmor"),
        ({"resourceClaims": [{"name": "gpu"}]}, "UnsupportedPodSpec"),
        ({"initContainers": [{"name": "i", "volumeDevices": [{"name": "v"}]}]}, "UnsupportedPodSpec"),
        ({"initContainers": [{"name": "i", "volumeMounts": [{"recursiveReadOnly": "Enabled"}]}]}, "UnsupportedPodSpec"),
        (
            {"initContainers": [{"name": "i", "restartPolicyRules": [{"action": "RestartAllContainers"}]}]},
            "UnsupportedPodSpec",
        ),
    ],
)
def test_reasons_of_refusal(spec, reason):
    with pytest.raises(Refused) as refused:
        check_pod(pod(**spec), apparmor=False)
    assert refused.value.reason == reason


def test_an_unconfined_pod_needs_no_apparmor():
    check_pod(pod(securityContext={"appArmorProfile": {"type": "Unconfined"}}), apparmor=False)
