"""A command on a node by its agent, for the cluster's operator and nobody else."""

import json
import sys

import pytest

LINKED = """
import sys
from pathlib import PurePosixPath
from kube.connections import read_kubeconfig
from provisioning.agentlink import AgentLink
from provisioning.transport import CommandFailed, LinkError

link = AgentLink(sys.argv[1], read_kubeconfig(sys.argv[2]))
print(link.run(["hostname"]).output, end="")
link.put(PurePosixPath("/run/linked/a b"), b"\\0fed", 0o640)
print(link.run(["stat", "-c", "%a %s", "/run/linked/a b"]).output, end="")
try:
    link.run(["false"])
except CommandFailed as error:
    print(error.code)
try:
    link.run(["sleep", "4711"], seconds=0.5)
except LinkError as error:
    print(error)
"""
"""What the operator's programs do with a link."""


@pytest.fixture
def address(cluster):
    return cluster.json("get", "node", "node-1")["status"]["addresses"][0]["address"]


def test_an_operator_runs_commands_and_brings_files(cluster, address, until):
    said = cluster.run(sys.executable, "-c", LINKED, address, cluster.root / "kubeconfig").stdout.splitlines()
    assert said[:3] == ["node-1", "640 4", "1"]
    assert said[3].startswith(f"{address}: its agent does not answer: ")
    cluster.on_node("node-1", "rm", "-r", "/run/linked")
    until(
        lambda: cluster.console("node-1", "pgrep", "-fx", "sleep 4711", check=False).returncode == 1,
        10,
        "the end of what nobody waits for",
    )


def test_neither_a_proxy_nor_a_nodes_own_keys_open_it(cluster, address):
    path = "/api/v1/nodes/node-1/proxy/commands"
    proxied = cluster.run("kubectl", "create", "--raw", path, "-f", "-", stdin='["id"]\n', check=False)
    assert proxied.returncode == 1
    assert "not through the API server's proxy" in proxied.stderr
    keys = ("--cacert", "/etc/wherry/ca.crt", "--cert", "/etc/wherry/node.crt", "--key", "/etc/wherry/node.key")
    for other in ("node-1", "node-2"):
        words = ("curl", "-s", "-m", "20", *keys, "-d", '["id"]', f"https://{address}:10250/commands")
        refused = json.loads(cluster.on_node(other, *words))
        assert (refused["code"], "cannot create nodes/commands" in refused["message"]) == (403, True)
