"""A blank card becomes a node: flashed, booted by QEMU with Debian's kernel and systemd, found, joined, and hard to kill.

One story in one test, since a machine's boot is the costly part.  Limits are several times what it takes where every
instruction is emulated.
"""

import json
import subprocess

import pytest

from tests.cluster.clusters import BIN

UNITS = ("wherry-containerd", "wherry-agent", "wherry-dns", "wherry-announce")
LONG = 300


@pytest.fixture(scope="session")
def image():
    """Built where Debian's archive can be reached: the cluster has a network of its own."""
    subprocess.run([BIN / "master", "vm", "build"], check=True, timeout=900)


@pytest.fixture
def machine(env, image, cluster):
    """The environment's machine, its card flashed, switched on; nothing of it is left afterwards."""
    target = env.get_target("machine")
    node, strategy = target.get_resource("VirtualMachine"), target.get_strategy()
    node.cluster = cluster
    try:
        strategy.transition("on")
        yield target
    finally:
        node.destroy()
        cluster.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
        cluster.kubectl("delete", "node", node.name, "--ignore-not-found")


@pytest.mark.timeout(2700)
def test_a_blank_card_becomes_a_node_under_systemd_that_survives(cluster, machine, until):
    name = machine.get_resource("VirtualMachine").name
    console, strategy = machine.get_driver("CommandProtocol"), machine.get_strategy()
    until(lambda: shown(cluster, name).get("key") == "proven", LONG, "the announcement of a proven board")
    cluster.master("join", name, seconds=LONG)
    assert cluster.nodes()[name]
    assert console.run_check("stat -fc %T /sys/fs/cgroup") == ["cgroup2fs"]
    assert console.run_check(f"systemctl is-active {' '.join(UNITS)}") == ["active"] * len(UNITS)
    run_pod(cluster, name)
    until(lambda: ready(cluster), LONG, "the pod Ready")

    for unit in UNITS:
        before = pid(console, unit)
        console.run_check(f"kill -9 {before}")
        until(lambda unit=unit, old=before: pid(console, unit) not in (old, "0"), LONG, f"{unit} again after kill -9")
    assert console.run_check(f"systemctl is-active {' '.join(UNITS)}") == ["active"] * len(UNITS)
    assert restarts(cluster) == 0, "the pod went on meanwhile"

    strategy.transition("off")
    until(lambda: not cluster.nodes()[name], LONG, "the node NotReady")
    strategy.transition("on")
    until(lambda: cluster.nodes()[name], LONG, "the node Ready again")
    until(lambda: ready(cluster) and restarts(cluster) == 1, LONG, "the pod Ready again")


def shown(cluster, name):
    """The board's row of `master discover`; empty while it is not heard."""
    rows = [json.loads(line) for line in cluster.master("discover", "--json").stdout.splitlines()]
    return next((row for row in rows if row["name"] == name), {})


def run_pod(cluster, node):
    cluster.run(
        "master", "image", "load", cluster.root / "var/lib/wherry/images/wherry.tar", "--node", node, seconds=LONG
    )
    every = [{"operator": "Exists"}]
    spec = {"spec": {"nodeName": node, "tolerations": every}}
    cluster.kubectl("run", "rooted", "--image=wherry.local/web:1", "--overrides", json.dumps(spec))


def status(cluster):
    return cluster.json("get", "pod", "rooted")["status"]


def ready(cluster):
    return any(row["type"] == "Ready" and row["status"] == "True" for row in status(cluster).get("conditions", ()))


def restarts(cluster):
    return status(cluster)["containerStatuses"][0]["restartCount"]


def pid(console, unit):
    return console.run_check(f"systemctl show -P MainPID {unit}")[0]
