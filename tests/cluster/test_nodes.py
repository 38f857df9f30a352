"""Nodes that come, fail and come back; a master that is killed: on the shared cluster, left as it was found."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_a_third_node_is_discovered_joined_by_name_loses_power_and_comes_back(cluster, space, until):
    cluster.master("virtual create", "node-3")
    try:

        def shown():
            rows = [json.loads(line) for line in cluster.master("discover", "--json").stdout.splitlines()]
            return next((row for row in rows if row["name"] == "node-3"), None)

        row = until(shown, 30, "node-3 by mDNS")
        assert (row["state"], row["key"]) == ("bare", "proven")
        assert "would" in cluster.master("join", "node-3", "--dry-run").stdout
        assert "node-3" not in cluster.nodes()
        cluster.master("join", "node-3", "--label", "made=late", seconds=120)
        assert cluster.nodes()["node-3"]
        assert "nothing to do" in cluster.master("join", "node-3").stdout
        assert cluster.json("get", "node", "node-3")["metadata"]["labels"]["made"] == "late"
        assert "joined" in json.dumps(
            until(lambda: (r := shown()) and r["state"] == "joined" and r, 30, "state joined")
        )
        _lose_power(cluster, space, until)
    finally:
        cluster.master("virtual destroy", "node-3")
        cluster.kubectl("delete", "node", "node-3", "--ignore-not-found")


def _lose_power(cluster, space, until):
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
        for key in ("unreachable", "not-ready")
    ]
    archive = cluster.root / "var/lib/wherry/images/wherry.tar"
    cluster.run("master", "image", "load", archive, "--node", "node-3")
    cluster.kubectl("-n", space, "create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=1")
    prefer = {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "preference": {"matchExpressions": [{"key": "made", "operator": "In", "values": ["late"]}]},
                }
            ]
        }
    }
    patch = {"spec": {"template": {"spec": {"tolerations": tolerations, "affinity": prefer}}}}
    cluster.kubectl("-n", space, "patch", "deployment", "web", "-p", json.dumps(patch))
    cluster.kubectl("-n", space, "rollout", "status", "deployment", "web", "--timeout=60s")
    until(lambda: _where(cluster, space) == {"node-3"}, 30, "the pod on node-3")
    cluster.master("virtual kill", "node-3")
    until(lambda: not cluster.nodes()["node-3"], 60, "node-3 NotReady")
    until(lambda: (where := _where(cluster, space)) and "node-3" not in where, 60, "the pod elsewhere")
    assert "node-3" in cluster.master("doctor", check=False).stdout
    cluster.master("virtual start", "node-3")
    until(lambda: cluster.nodes()["node-3"], 60, "node-3 Ready again")
    cluster.wait_pods(space, "app=web", 1)
    assert list(cluster.nodes()).count("node-3") == 1
    running = cluster.on_node(
        "node-3", "ctr", "-a", "/run/wherry/containerd/containerd.sock", "-n", "k8s.io", "task", "ls", "-q"
    )
    until(lambda: not _tasks(cluster), 30, f"nothing of the moved pod left running on node-3: {running}")


def _where(cluster, space):
    """The nodes of the pods that run."""
    pods = cluster.json("-n", space, "get", "pods", "-l", "app=web")["items"]
    live = [p for p in pods if "deletionTimestamp" not in p["metadata"] and p["status"].get("phase") == "Running"]
    return {p["spec"].get("nodeName") for p in live}


def _tasks(cluster):
    return cluster.on_node(
        "node-3", "ctr", "-a", "/run/wherry/containerd/containerd.sock", "-n", "k8s.io", "task", "ls", "-q"
    ).split()


def _master_pid(cluster):
    """The master's process: the one whose command line names this cluster's root."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(cluster.root).encode() in words and b"run" in words and any(w.endswith(b"/master") for w in words):
            return int(entry.name)
    return 0


@pytest.mark.timeout(300)
def test_a_master_killed_in_the_middle_of_writes_loses_nothing_acknowledged(cluster, space, until):
    """10 kills, 500 creates by 8 clients: what was acknowledged is there; pods and Services went on without a master."""
    cluster.kubectl("-n", space, "create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=2")
    cluster.kubectl("-n", space, "expose", "deployment", "web", "--port=80")
    before = {p["metadata"]["uid"] for p in cluster.wait_pods(space, "app=web", 2)}
    address = cluster.json("-n", space, "get", "service", "web")["spec"]["clusterIP"]
    fetch = ("curl", "-sS", "--max-time", "5", f"http://{address}/")
    until(lambda: "pod web" in cluster.on_node("node-1", *fetch, check=False), 20, "the Service's answer")
    acknowledged = set()
    for kill in range(10):
        acknowledged |= _create_under_fire(cluster, space, kill, until)
        assert "pod web" in cluster.on_node("node-1", *fetch), "the Service goes on without a master"
    there = {item["metadata"]["name"] for item in cluster.json("-n", space, "get", "configmaps")["items"]}
    assert acknowledged <= there, sorted(acknowledged - there)
    assert len(acknowledged) > 400
    assert {p["metadata"]["uid"] for p in cluster.wait_pods(space, "app=web", 2)} == before
    until(lambda: all(cluster.nodes().values()), 60, "all nodes Ready")


def _create_under_fire(cluster, space, kill, until):
    """50 creates by 8 clients, the master killed after the twentieth acknowledgement; the names acknowledged."""
    pid = until(lambda: _master_pid(cluster), 30, "the master's process")
    script = Path(__file__).parent / "creating.py"
    clients = cluster.start(sys.executable, script, space, f"k{kill}", "50", stdout=subprocess.PIPE)
    with clients.stdout:
        heard = [clients.stdout.readline().strip() for _ in range(20)]
        os.kill(pid, signal.SIGKILL)
        heard += clients.stdout.read().split()
    assert clients.wait(10) == 0 and len(heard) == 50
    return {name for name in heard if not name.endswith("?")}
