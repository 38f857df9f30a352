"""Each chain breaks at its first broken link, and says what to do there."""

import click
import pytest

from master.diagnosing.chains import broken, claim, node, pod, service, told
from master.explaining import asked

READY, UNREADY = (
    ({"type": "Ready", "status": "True"},),
    ({"type": "Ready", "status": "False", "message": "probe failed"},),
)


def a_pod(name="web-1", labels=None, conditions=READY, ports=(), **status):
    meta = {"name": name, "namespace": "default", "labels": labels or {"app": "web"}}
    spec = {"nodeName": "node-1", "containers": [{"name": "main", "ports": list(ports)}]}
    containers = [{"name": "main", "state": {"running": {}}}]
    told = {"phase": "Running", "conditions": list(conditions), "containerStatuses": containers} | status
    return {"metadata": meta, "spec": spec, "status": told}


def a_service(target=80, **spec):
    ports = [{"port": 80, "targetPort": target}]
    spec = {"clusterIP": "10.43.0.7", "selector": {"app": "web"}, "ports": ports} | spec
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": spec}


ENDPOINT = {"endpoints": [{"addresses": ["10.42.0.2"], "conditions": {"ready": True}}]}
POLICY = {"metadata": {"name": "closed"}, "spec": {"podSelector": {}}}


@pytest.mark.parametrize(
    ("found", "pods", "slices", "said", "fix"),
    [
        (a_service(), [a_pod(labels={"app": "x"})], [], "no pod has the labels app=web", "get pods --show-labels"),
        (a_service(), [a_pod(conditions=UNREADY)], [], "none of them is ready", "master why -n default web-1"),
        (a_service("http"), [a_pod()], [ENDPOINT], "has a port named http", "get pod web-1 -o yaml"),
        (a_service(), [a_pod()], [{"endpoints": None}], "no endpoint of it is ready", "get endpointslices"),
    ],
    ids=["selector", "not ready", "port name", "no endpoints"],
)
def test_a_service_breaks_at(found, pods, slices, said, fix):
    chain = service(found, pods, slices, [])
    assert [bool(link.fix) for link in chain].index(True) == len(chain) - 1
    assert said in chain[-1].said and fix in chain[-1].fix


def test_a_service_without_a_selector_is_no_pods_own():
    chain = service(a_service(selector=None), [a_pod()], [ENDPOINT], [POLICY])
    assert not broken(chain) and "policies" not in told(chain)


def test_a_service_that_answers_names_the_policies_on_the_way():
    chain = service(a_service("http"), [a_pod(ports=[{"name": "http", "containerPort": 80}])], [ENDPOINT], [POLICY])
    assert not broken(chain) and "policies closed" in told(chain)


@pytest.mark.parametrize(
    ("status", "said", "fix"),
    [
        ({"containerStatuses": [], "phase": "Pending"}, "has not begun with it", "master doctor node-1"),
        ({"reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory", "master doctor node-1"),
        (
            {
                "containerStatuses": [
                    {"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}
                ]
            },
            "waits: ErrImagePull no such",
            "describe pod web-1",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "main",
                        "restartCount": 3,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 7, "reason": "Error"}},
                    }
                ]
            },
            "ended with 7 (Error) before",
            "kubectl logs -n default web-1 -c main --previous",
        ),
        ({"conditions": list(UNREADY)}, "not ready: probe failed", "describe pod web-1"),
    ],
    ids=["not begun", "evicted", "image", "crash", "probe"],
)
def test_a_pod_breaks_at(status, said, fix):
    chain = pod(a_pod(**status))
    assert said in chain[-1].said and fix in chain[-1].fix


def test_a_pod_that_runs_is_whole():
    assert not broken(pod(a_pod()))


LATE = {"metadata": {"name": "local-path"}, "volumeBindingMode": "WaitForFirstConsumer"}
USER = {"metadata": {"name": "db"}, "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}}


@pytest.mark.parametrize(
    ("spec", "phase", "pods", "said"),
    [
        ({"volumeName": "pv1"}, "Bound", [], "bound to pv1"),
        ({"volumeName": "pv1"}, "Lost", [], "its volume pv1 is gone"),
        ({"storageClassName": "gold"}, "Pending", [], "there is no class gold"),
        ({"storageClassName": "local-path"}, "Pending", [], "waits for a first pod"),
        ({"storageClassName": "local-path"}, "Pending", [USER], "waits for pod db"),
        ({}, "Pending", [], "names no class"),
    ],
    ids=["bound", "lost", "class", "first consumer", "consumer", "no class"],
)
def test_a_claim(spec, phase, pods, said):
    found = {"metadata": {"name": "data", "namespace": "default"}, "spec": spec, "status": {"phase": phase}}
    chain = claim(found, [LATE], pods)
    assert said in chain[-1].said and broken(chain) == (phase != "Bound")


def test_a_node():
    rows = [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True", "message": "10% left"}]
    chain = node({"metadata": {"name": "n"}, "spec": {"unschedulable": True}, "status": {"conditions": rows}})
    assert [link.said for link in chain] == ["DiskPressure is True: 10% left", "it takes no new pods: cordoned"]
    assert not broken(node({"metadata": {"name": "n"}, "spec": {}, "status": {"conditions": rows[:1]}}))


@pytest.mark.parametrize(
    ("words", "kind"),
    [("web", "pod"), ("svc/web", "service"), ("pvc/web", "claim"), ("no/web", "node"), ("pods/web", "pod")],
)
def test_what_is_asked_about(words, kind):
    assert asked(words) == (kind, "web")


@pytest.mark.parametrize("words", ["secret/web", "svc/", "a/b/c"])
def test_what_cannot_be_asked_about_is_refused(words):
    with pytest.raises(click.ClickException, match="service/NAME"):
        asked(words)
