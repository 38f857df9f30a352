"""What a stolen node's keys, a hostile pod and a stranger on the link can not do."""

import json

import pytest

from tests.cluster.clusters import BIN

BOX = "wherry.local/busybox:1"
SECRET = {"mountPath": "/s", "name": "s"}


def node_kubectl(cluster, folder, node):
    """kubectl as that node's agent: its keys, as a thief finds them on its disk."""
    for name in ("ca.crt", "node.crt", "node.key"):
        (folder / name).write_text(cluster.on_node(node, "cat", f"/etc/wherry/{name}"))
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    keys = [f"--client-certificate={folder}/node.crt", f"--client-key={folder}/node.key"]
    way = ["--kubeconfig=/dev/null", f"--server={server}", f"--certificate-authority={folder}/ca.crt", *keys]

    def kubectl(*argv):
        return cluster.run(BIN / "kubectl", *way, *argv, check=False)

    return kubectl


def reader(name, node):
    """A pod on a node that mounts the Secret of its own name."""
    container = {"name": "c", "image": BOX, "command": ["sleep", "600"], "volumeMounts": [SECRET]}
    spec = {"nodeName": node, "containers": [container], "volumes": [{"name": "s", "secret": {"secretName": name}}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "reader"}}, "spec": spec}


@pytest.fixture
def stolen(cluster, space, tmp_path):
    """node-1's kubectl, where each node has a pod with a Secret of its own."""
    for node in ("node-1", "node-2"):
        cluster.kubectl("-n", space, "create", "secret", "generic", f"of-{node}", "--from-literal=a=b")
        cluster.kubectl("-n", space, "create", "-f", "-", stdin=json.dumps(reader(f"of-{node}", node)))
    cluster.wait_pods(space, "app=reader", 2)
    return node_kubectl(cluster, tmp_path, "node-1")


def test_a_stolen_node_reads_its_own_pods_secrets_and_no_others(stolen, space):
    assert stolen("-n", space, "get", "secret", "of-node-1").returncode == 0
    for words in (
        ("-n", space, "get", "secret", "of-node-2"),
        ("-n", space, "get", "secrets"),
        ("get", "secrets", "-A"),
        ("-n", space, "create", "token", "default"),
        ("-n", space, "exec", "of-node-2", "--", "true"),
        ("-n", space, "delete", "pod", "of-node-2", "--wait=false"),
        ("label", "node", "node-2", "mine=yes"),
        ("label", "node", "node-1", "node-restriction.kubernetes.io/mine=yes"),
        ("delete", "node", "node-2"),
        ("create", "clusterrolebinding", "mine", "--clusterrole=cluster-admin", "--user=system:node:node-1"),
        ("get", "nodes", "--as=admin", "--as-group=system:masters"),
    ):
        done = stolen(*words)
        assert done.returncode != 0, words
        assert "forbidden" in done.stderr.lower(), (words, done.stderr)


@pytest.mark.parametrize(
    ("port", "path"),
    [
        (10250, "/pods"),
        (10250, "/exec/default/x/c?command=id"),
        (10250, "/stats/summary"),
        (10250, "/metrics"),
        (10250, "/commands"),
    ],
)
def test_an_agent_answers_nobody_without_credentials(cluster, port, path):
    address = cluster.json("get", "node", "node-1")["status"]["addresses"][0]["address"]
    words = ("curl", "-sk", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", f"https://{address}:{port}{path}")
    assert cluster.on_node("node-2", *words) == "401"


def test_the_store_answers_nobody_without_its_own_keys(cluster):
    pki = cluster.root / "etc/kubernetes/pki"
    for shown in ([], ["--cert", pki / "apiserver-kubelet-client.crt", "--key", pki / "apiserver-kubelet-client.key"]):
        done = cluster.run("curl", "-sk", "-m", "20", *shown, "https://127.0.0.1:2379/version", check=False)
        assert done.returncode != 0, done.stdout
