"""A whole cluster over an etcd of its own, as `master up --store etcd` raises it."""

import json
import sys

import pytest

from tests.cluster.clusters import BIN, raised


@pytest.fixture(scope="module")
def over_etcd():
    with raised("we", nodes=1, options=("--store", "etcd", "--no-sample")) as made:
        yield made


def etcdctl(cluster, *argv, **options):
    pki = cluster.root / "etc/kubernetes/pki/etcd"
    files = ("--cacert", pki / "ca.crt", "--cert", pki / "server.crt", "--key", pki / "server.key")
    return cluster.run("etcdctl", "--endpoints", "https://127.0.0.1:2379", *files, *argv, **options)


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "wherry.local/busybox:1",
                        "command": ["sh", "-c", "echo here > /tmp/index.html; exec httpd -f -p 80 -h /tmp"],
                    }
                ]
            },
        },
    },
}


@pytest.mark.timeout(240)
def test_a_workload_runs_behind_its_service_and_outlives_etcds_restart(over_etcd, until):
    over_etcd.kubectl("create", "-f", "-", stdin=json.dumps(DEPLOYMENT))
    over_etcd.wait_pods("default", "app=web", 2, 60)
    over_etcd.kubectl("expose", "deployment", "web", "--port=80")
    address = over_etcd.json("get", "service", "web")["spec"]["clusterIP"]
    fetch = ("curl", "-sS", "--max-time", "5", f"http://{address}/")
    until(lambda: over_etcd.on_node("node-1", *fetch, check=False) == "here\n", 60, "the Service's answer")
    keys = etcdctl(over_etcd, "get", "/registry/pods/default/", "--prefix", "--keys-only").stdout.split()
    assert len(keys) == 2
    supervise = ("-m", "provisioning.supervising", "--root", over_etcd.root, "restart", "etcd")
    over_etcd.run(sys.executable, *supervise)
    scaled = lambda: over_etcd.run(  # noqa: E731
        BIN / "kubectl", "scale", "deployment", "web", "--replicas=3", check=False
    )
    until(lambda: scaled().returncode == 0, 60, "a write after etcd's restart")
    over_etcd.wait_pods("default", "app=web", 3, 60)


def test_nobody_reads_etcd_without_its_authoritys_certificate(over_etcd):
    ca = over_etcd.root / "etc/kubernetes/pki/etcd/ca.crt"
    bare = ("--endpoints", "https://127.0.0.1:2379", "--cacert", ca, "--command-timeout", "2s")
    assert over_etcd.run("etcdctl", *bare, "get", "/", check=False).returncode != 0
    node = over_etcd.root / "etc/kubernetes/pki/apiserver-kubelet-client"
    other = ("--cert", node.with_suffix(".crt"), "--key", node.with_suffix(".key"))
    assert over_etcd.run("etcdctl", *bare, *other, "get", "/", check=False).returncode != 0


def test_the_store_of_a_cluster_is_chosen_once(over_etcd):
    refused = over_etcd.master("up", "--no-node", "--store", "sqlite", check=False)
    assert refused.returncode != 0
    assert "sqlite is chosen at the first `master up` of a cluster" in refused.stderr
