"""A node that loses power and comes back while the master is away, on the shared cluster, left as it was found."""

import json
import sys

import pytest

SOCKET = "/run/wherry/containerd/containerd.sock"


def _pod(name, *args, **spec):
    container = {
        "name": "main",
        "image": "wherry.local/busybox:1",
        "command": ["sh", "-c", *args],
        "volumeMounts": [
            {"name": "settings", "mountPath": "/settings"},
            {"name": "secrets", "mountPath": "/secrets"},
            {"name": "scratch", "mountPath": "/scratch"},
        ],
    }
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "secrets", "secret": {"secretName": "secrets"}},
        {"name": "scratch", "emptyDir": {}},
    ]
    spec = {"nodeName": "node-1", "terminationGracePeriodSeconds": 1, "volumes": volumes} | spec
    meta = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec | {"containers": [container]}}


SERVE = "cat /settings/word /secrets/word >> /scratch/boots; httpd -f -p 80 -h /scratch"


@pytest.mark.timeout(300)
def test_a_node_that_reboots_without_a_master_runs_its_pods(cluster, space, until):
    """Volumes, names and Services are there; at reconnection what was deleted goes and what is right is not touched."""
    cluster.kubectl("-n", space, "create", "configmap", "settings", "--from-literal=word=one-")
    cluster.kubectl("-n", space, "create", "secret", "generic", "secrets", "--from-literal=word=two ")
    for pod in (_pod("stays", SERVE), _pod("goes", SERVE), _pod("done", "true", restartPolicy="Never")):
        cluster.kubectl("-n", space, "create", "-f", "-", stdin=json.dumps(pod))
    cluster.kubectl("-n", space, "expose", "pod", "stays", "--port=80")
    address = cluster.json("-n", space, "get", "service", "stays")["spec"]["clusterIP"]
    fetch = ("curl", "-sS", "--max-time", "5", f"http://{address}/boots")
    until(lambda: cluster.on_node("node-1", *fetch, check=False) == "one-two ", 40, "the Service's answer")
    until(lambda: "Succeeded" in cluster.kubectl("-n", space, "get", "pod", "done", "-o", "yaml"), 40, "done's end")
    until(lambda: _kept(cluster, space) >= {"stays", "goes", "done"}, 40, "the pods on the node's disk")
    cluster.master("virtual kill", "node-1")
    cluster.kubectl("-n", space, "delete", "pod", "goes", "--force", "--grace-period=0")
    _master(cluster, "stop")
    try:
        cluster.master("virtual start", "node-1")
        until(lambda: cluster.on_node("node-1", *fetch, check=False) == "one-two one-two ", 60, "the Service alone")
        name = f"stays.{space}.svc.cluster.local"
        until(lambda: address in cluster.on_node("node-1", "nslookup", name, "10.43.0.10", check=False), 30, "the name")
        running = until(lambda: "stays" in (found := _running(cluster, space)) and found, 30, "the pod")
        assert "done" not in running
    finally:
        _master(cluster, "start")
    until(lambda: "goes" not in _running(cluster, space), 60, "the end of the pod that was deleted meanwhile")
    cluster.wait_pods(space, "app=stays", 1, 60)
    assert _running(cluster, space)["stays"] == running["stays"], "not started again at reconnection"
    until(lambda: all(cluster.nodes().values()), 60, "all nodes Ready")


def _master(cluster, verb):
    cluster.run(sys.executable, "-m", "provisioning.supervising", "--root", cluster.root, verb, "master")


def _running(cluster, space):
    """Pod names to their running containers' ids, as containerd tells them."""
    ctr = ("ctr", "-a", SOCKET, "-n", "k8s.io")
    tasks = cluster.on_node("node-1", *ctr, "task", "ls", check=False).splitlines()
    found = {}
    for line in tasks:
        identity, _, state = line.partition(" ")
        if "RUNNING" in state:
            told = cluster.on_node("node-1", *ctr, "container", "info", identity, check=False)
            labels = json.loads(told)["Labels"] if told else {}
            if labels.get("io.kubernetes.pod.namespace") == space and "io.kubernetes.container.name" in labels:
                found[labels["io.kubernetes.pod.name"]] = identity
    return found


KEPT = """
from pathlib import Path
from agent.keeping.sealing import Seal
from agent.keeping.shelf import Shelf
etc = Path("/etc/wherry")
shelf = Shelf(Path("/var/lib/wherry/kept.db"), Seal.of(etc / "kept.key", (etc / "ca.crt").read_bytes()))
print(*(key for key, pod in shelf.read("Pod").items() if b'"containerID"' in pod))
"""


def _kept(cluster, space):
    """Names of the pods whose running the node has on its disk."""
    told = cluster.on_node("node-1", "/opt/wherry/current/bin/python", "-c", KEPT).split()
    return {key.removeprefix(f"{space}/") for key in told}
