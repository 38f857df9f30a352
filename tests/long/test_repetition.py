"""Pods started and ended by the hundred leave nothing behind: no process, mount, cable, namespace, cgroup, rule or file."""

import json
import time

import pytest

from bench.processes import memory
from tests.cluster.clusters import wait_for

ROUNDS, AT_ONCE = 8, 15
GROWTH = 12
"""MiB that an agent may grow in these rounds: caches fill, a leak would go on."""
CTR = "ctr -a /run/wherry/containerd/containerd.sock -n k8s.io"
OPEN_FILES = "ls /proc/$(pgrep -f -o 'agent run')/fd | wc -l"
CONNECTIONS = 5
"""Files that the agent may have open more than before: connections to the API come and go."""
COUNTED = {
    "processes": "ps -e --no-headers -o comm | grep -v -e ps -e sh -e grep -e wc -e sort | sort",
    "mounts": "cut -d' ' -f2 /proc/mounts | sort",
    "links": "ip -o link | grep -c veth; true",
    "namespaces": "ls /run/netns /var/run/netns 2>/dev/null | wc -l",
    "containers": f"{CTR} containers ls -q | sort",
    "snapshots": f"{CTR} snapshots ls | wc -l",
    "leases of addresses": "ls /var/lib/cni/networks/*/ 2>/dev/null | grep -c '^10\\.'; true",
    "rules": "iptables-save 2>/dev/null | grep -c '^-A'; true",
    "folders of pods": "ls /var/lib/wherry/pods 2>/dev/null | wc -l",
    "logs of pods": "ls /var/log/pods 2>/dev/null | wc -l",
}


@pytest.fixture(scope="module")
def images(cluster):
    cluster.run("master", "image", "load", cluster.root / "var/lib/wherry/images/wherry.tar")


@pytest.mark.timeout(600)
def test_pods_by_the_hundred_leave_nothing_on_their_node(cluster, images):
    rounds(cluster, 1)
    before, held, opened = counts(cluster), agent_memory(cluster), open_files(cluster)
    rounds(cluster, ROUNDS)
    grown = agent_memory(cluster) - held
    end = time.monotonic() + 30
    while (after := counts(cluster)) != before and time.monotonic() < end:
        time.sleep(1)
    assert after == before
    wait_for(lambda: open_files(cluster) <= opened + CONNECTIONS, 30, f"no more than {opened + CONNECTIONS} open files")
    assert grown <= GROWTH, f"the agent grew by {grown:.1f} MiB"


def rounds(cluster, count):
    for _ in range(count):
        cluster.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, PODS)))
        cluster.wait_pods("default", "app=again", AT_ONCE, 90)
        cluster.kubectl("delete", "pods", "-l", "app=again", "--grace-period=1", seconds=90)
        wait_for(lambda: not cluster.json("get", "pods", "-l", "app=again")["items"], 60, "their end")


def pod(number):
    mounts = [{"name": "scratch", "mountPath": "/scratch"}]
    container = {"name": "main", "image": "wherry.local/busybox:1", "command": ["sleep", "600"], "volumeMounts": mounts}
    spec = {"nodeName": "node-1", "containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    metadata = {"name": f"again-{number}", "labels": {"app": "again"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


PODS = [pod(number) for number in range(AT_ONCE)]


def counts(cluster):
    return {what: cluster.on_node("node-1", "sh", "-c", command) for what, command in COUNTED.items()}


def open_files(cluster):
    return int(cluster.on_node("node-1", "sh", "-c", OPEN_FILES))


def agent_memory(cluster):
    from bench.node import processes

    return memory(processes(cluster)[1])
