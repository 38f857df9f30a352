"""What the master's doctor sees of its nodes: over SSH, and from outside."""

import json
import subprocess

import pytest

from tests.cluster.clusters import wait_for
from tests.faults.conftest import causes

pytestmark = [pytest.mark.usual, pytest.mark.timeout(240)]
SECONDS = 60


def seen(ward, *words):
    """Causes as (node, check), by `master doctor`."""
    rows = json.loads(ward.cluster.master("doctor", *words, "--json", check=False).stdout)
    return [(row["where"], row["check"]) for row in causes(rows)]


def until_seen(ward, wanted, *words):
    wait_for(lambda: seen(ward, *words) == wanted, SECONDS, f"{wanted} by master doctor {' '.join(words)}")


@pytest.fixture(scope="module")
def identity(ward, tmp_path_factory):
    """The words that let the doctor into the nodes: a key of its own."""
    key = tmp_path_factory.mktemp("ssh") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for node in ("node-1", "node-2"):
        ward.console(f"echo '{key.with_suffix('.pub').read_text().strip()}' >> ~root/.ssh/authorized_keys", node)
    return "--identity", str(key)


def test_a_healthy_cluster(ward, identity):
    until_seen(ward, [], "--all", *identity)
    wait_for(
        lambda: ward.cluster.master("doctor", "node-1", *identity, check=False).returncode == 0, SECONDS, "exit code 0"
    )


def test_a_node_says_itself_what_is_wrong_with_it(ward, identity):
    ward.console("sysctl -w net.ipv4.ip_forward=0", "node-2")
    try:
        until_seen(ward, [("node-2", "forwarding")], "--all", *identity)
    finally:
        ward.console("sysctl -w net.ipv4.ip_forward=1", "node-2")


def test_a_node_without_its_agent_is_looked_at_from_outside_and_over_ssh(ward, identity):
    ward.console("wherry-supervise stop wherry-agent", "node-2")
    try:
        until_seen(ward, [("node-2", "agent")], "node-2")
        until_seen(ward, [("node-2", "services")], "node-2", *identity)
    finally:
        ward.console("wherry-supervise start wherry-agent", "node-2")
    until_seen(ward, [], "--all", *identity)


def test_an_unknown_node_is_refused_by_name(ward):
    said = ward.cluster.master("doctor", "node-9", check=False)
    assert said.returncode == 1 and "node-1, node-2" in said.stderr


def test_why_a_service_does_not_answer(ward):
    ward.cluster.kubectl("create", "service", "clusterip", "lonely", "--tcp=80:80")
    try:
        said = ward.cluster.master("why", "svc/lonely", check=False)
        assert said.returncode == 1 and "✗ no pod has the labels app=lonely" in said.stdout
    finally:
        ward.cluster.kubectl("delete", "service", "lonely")
