"""The first promise about a board: prepared, it is found, joined and runs a pod; without power it is missed; it returns."""

import json

import pytest

TOLERATE_BRIEFLY = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    for key in ("unreachable", "not-ready")
]
PLACE = ["--restart=Always", "--image=wherry.local/web:1", "--overrides"]


@pytest.mark.timeout(300)
def test_a_prepared_board_is_found_joined_runs_a_pod_loses_power_and_comes_back(cluster, board, until):
    name, strategy = board.get_resource("VirtualNode").name, board.get_strategy()
    assert until(lambda: shown(cluster, name), 30, "the announcement")["key"] == "proven"
    join(cluster, name)
    run_pod(cluster, name, "steady")
    cluster.kubectl("wait", "pod/steady", "--for=condition=Ready", "--timeout=60s")
    assert "wherry-supervise" in "\n".join(board.get_driver("CommandProtocol").run_check("ps -eo args"))
    strategy.transition("off")
    until(lambda: not cluster.nodes()[name], 110, "the node NotReady")
    assert name in cluster.master("doctor", check=False).stdout
    strategy.transition("on")
    until(lambda: cluster.nodes()[name], 60, "the node Ready again")
    cluster.kubectl("wait", "pod/steady", "--for=condition=Ready", "--timeout=60s")
    assert len([node for node in cluster.nodes() if node == name]) == 1
    assert len(containers(board)) == 1, "the pod runs once"


@pytest.mark.timeout(240)
def test_a_board_whose_power_fails_three_times_quickly_keeps_its_pod(cluster, board, until):
    """Shorter than the cluster's patience: nothing is moved, the pod's containers are made again."""
    name, power = board.get_resource("VirtualNode").name, board.get_driver("PowerProtocol")
    until(lambda: shown(cluster, name), 30, "the announcement")
    join(cluster, name)
    run_pod(cluster, name, "stubborn")
    cluster.kubectl("wait", "pod/stubborn", "--for=condition=Ready", "--timeout=60s")
    uid = cluster.json("get", "pod", "stubborn")["metadata"]["uid"]
    for restarts in range(1, 4):
        power.cycle()
        until(lambda count=restarts: started_again(cluster, count), 60, f"start {restarts} after a loss of power")
    pod = cluster.json("get", "pod", "stubborn")
    assert pod["metadata"]["uid"] == uid
    assert len(containers(board)) == 1


def test_a_board_without_power_is_refused_in_one_sentence(cluster, board):
    name, strategy = board.get_resource("VirtualNode").name, board.get_strategy()
    strategy.transition("off")
    done = cluster.master("join", name, check=False)
    assert done.returncode != 0
    assert name in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
    assert name not in cluster.nodes()


def shown(cluster, name):
    """The board's row of `master discover`, if it is heard."""
    rows = [json.loads(line) for line in cluster.master("discover", "--json").stdout.splitlines()]
    return next((row for row in rows if row["name"] == name), None)


def join(cluster, name):
    cluster.master("join", name, seconds=120)
    assert cluster.nodes()[name]
    cluster.run("master", "image", "load", cluster.root / "var/lib/wherry/images/wherry.tar", "--node", name)


def run_pod(cluster, node, name):
    spec = {"spec": {"nodeName": node}}
    cluster.kubectl("run", name, *PLACE, json.dumps(spec))


def started_again(cluster, times):
    """Whether the pod runs, its container started so many times more than once."""
    status = cluster.json("get", "pod", "stubborn")["status"]
    ready = any(row["type"] == "Ready" and row["status"] == "True" for row in status["conditions"])
    return ready and status["containerStatuses"][0]["restartCount"] >= times


def containers(board):
    """The tasks of containers (not sandboxes) that run on the board."""
    console = board.get_driver("CommandProtocol")
    ctr = "ctr -a /run/wherry/containerd/containerd.sock -n k8s.io"
    lines = console.run_check(f"{ctr} containers ls | grep web:1 | cut -d' ' -f1")
    running = console.run_check(f"{ctr} tasks ls")
    return [line for line in lines if any(line in task and "RUNNING" in task for task in running)]
