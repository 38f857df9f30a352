"""What objects count for, and which of them a quota's scopes take in."""

import pytest

from kube import quotas
from kube.kinds import known

POD, SERVICE, CLAIM = known("v1", "Pod"), known("v1", "Service"), known("v1", "PersistentVolumeClaim")


def container(name="c", restart="", **resources):
    return {"name": name, "resources": resources} | ({"restartPolicy": restart} if restart else {})


def pod(*containers, inits=(), status=None, **spec):
    meta = {"name": "p", "namespace": "n"}
    return {"metadata": meta, "spec": {"containers": list(containers), "initContainers": list(inits)} | spec} | {
        "status": status or {}
    }


def texts(amounts):
    return {name: str(amount) for name, amount in amounts.items()}


def quota(**hard):
    return {"metadata": {"name": "q"}, "spec": {"hard": {name.replace("_", "."): text for name, text in hard.items()}}}


def test_a_pod_counts_as_one_and_for_its_containers():
    found = pod(container(requests={"cpu": "100m"}, limits={"cpu": "1"}), container("d", requests={"cpu": "150m"}))
    expected = {"count/pods": "1", "pods": "1", "cpu": "250m", "requests.cpu": "250m", "limits.cpu": "1"}
    assert texts(quotas.usage(POD, found)) == expected


@pytest.mark.parametrize(
    "inits, total",
    [
        ([container("i", requests={"cpu": "3"})], "3"),
        ([container("s", "Always", requests={"cpu": "1"})], "2"),
        ([container("s", "Always", requests={"cpu": "1"}), container("i", requests={"cpu": "3"})], "4"),
        ([container("i", requests={"cpu": "3"}), container("s", "Always", requests={"cpu": "1"})], "3"),
    ],
    ids=["greedy start", "sidecar", "start beside a sidecar", "sidecar after the start"],
)
def test_the_peak_of_a_start_counts(inits, total):
    found = pod(container(requests={"cpu": "1"}), inits=inits)
    assert texts(quotas.pod_total(found["spec"], "requests"))["cpu"] == total


def test_overhead_counts_and_a_pods_own_resources_stand_for_its_containers():
    spec = {"overhead": {"cpu": "10m"}, "resources": {"requests": {"cpu": "2"}}}
    found = pod(container(requests={"cpu": "1"}), **spec)
    assert texts(quotas.pod_total(found["spec"], "requests")) == {"cpu": "2010m"}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_an_ended_pod_holds_only_its_place_in_the_store(phase):
    found = pod(container(requests={"cpu": "1"}), status={"phase": phase})
    assert texts(quotas.usage(POD, found)) == {"count/pods": "1"}


def test_extended_resources_are_counted_by_requests():
    found = pod(container(requests={"example.com/gpu": "2"}, limits={"example.com/gpu": "2"}))
    assert texts(quotas.pod_usage(found)) == {"pods": "1", "requests.example.com/gpu": "2"}


@pytest.mark.parametrize(
    "spec, ports, balancers",
    [
        ({"type": "ClusterIP", "ports": [{}]}, "0", "0"),
        ({"type": "NodePort", "ports": [{}, {}]}, "2", "0"),
        ({"type": "LoadBalancer", "ports": [{}]}, "1", "1"),
        ({"type": "LoadBalancer", "ports": [{}], "allocateLoadBalancerNodePorts": False}, "0", "1"),
    ],
    ids=["plain", "node ports", "balanced", "balanced without ports"],
)
def test_services(spec, ports, balancers):
    found = texts(quotas.usage(SERVICE, {"metadata": {}, "spec": spec}))
    assert (found["services"], found["services.nodeports"], found["services.loadbalancers"]) == ("1", ports, balancers)


def test_claims_count_for_their_class_too():
    spec = {"storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}}
    found = texts(quotas.usage(CLAIM, {"metadata": {}, "spec": spec}))
    assert found["requests.storage"] == found["fast.storageclass.storage.k8s.io/requests.storage"] == "2Gi"
    assert found["fast.storageclass.storage.k8s.io/persistentvolumeclaims"] == found["persistentvolumeclaims"] == "1"


def test_any_kind_counts_by_its_name():
    assert texts(quotas.usage(known("apps/v1", "Deployment"), {})) == {"count/deployments.apps": "1"}


def test_what_containers_do_not_say_is_told():
    found = pod(container("b"), container("a", requests={"cpu": "1"}))
    told = quotas.unnamed(quota(requests_cpu="1", limits_memory="1Gi", pods="3"), found)
    assert told == "limits.memory for: a,b; requests.cpu for: b"


@pytest.mark.parametrize(
    "selector, spec, status, covered",
    [
        (("Terminating", "Exists"), {"activeDeadlineSeconds": 1}, {}, True),
        (("NotTerminating", "Exists"), {"activeDeadlineSeconds": 1}, {}, False),
        (("BestEffort", "Exists"), {}, {"qosClass": "BestEffort"}, True),
        (("NotBestEffort", "Exists"), {}, {"qosClass": "BestEffort"}, False),
        (("PriorityClass", "In", "a", "b"), {"priorityClassName": "b"}, {}, True),
        (("PriorityClass", "NotIn", "a"), {}, {}, True),
        (("PriorityClass", "DoesNotExist"), {"priorityClassName": "b"}, {}, False),
        (("VolumeAttributesClass", "Exists"), {}, {}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_scopes(selector, spec, status, covered):
    item = {"scopeName": selector[0], "operator": selector[1], "values": list(selector[2:])}
    limits = {"metadata": {"name": "q"}, "spec": {"hard": {}, "scopeSelector": {"matchExpressions": [item]}}}
    assert quotas.covers(limits, POD, pod(container(), status=status, **spec)) is covered


def test_what_cannot_be_in_a_scope_is_not_covered():
    limits = {"metadata": {"name": "q"}, "spec": {"hard": {}, "scopes": ["BestEffort"]}}
    assert not quotas.covers(limits, SERVICE, {"metadata": {}, "spec": {}})
