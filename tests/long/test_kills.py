"""A master killed thirty times under eight writers, and a store as often: nothing acknowledged is lost, pods go on."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.node import processes
from tests.cluster.clusters import wait_for
from tests.master.store.test_kills import test_acknowledged_writes_survive as survive

ROUNDS = 30
SEED = 7


@pytest.mark.timeout(600)
def test_thirty_kills_of_the_master_lose_nothing_that_was_acknowledged(cluster, until):
    cluster.kubectl("create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=4")
    cluster.kubectl("expose", "deployment", "web", "--port=80")
    load_images(cluster)
    before = uids(cluster.wait_pods("default", "app=web", 4, 90))
    address = cluster.json("get", "service", "web")["spec"]["clusterIP"]
    fetch = ("curl", "-sS", "--max-time", "5", f"http://{address}/")
    until(lambda: "pod web" in cluster.on_node("node-1", *fetch, check=False), 20, "the Service's answer")
    random_pauses = random.Random(SEED)
    with writers(cluster) as process:
        for _ in range(ROUNDS):
            wait_answer(cluster)
            time.sleep(random_pauses.uniform(0.1, 1.5))
            kill_master(cluster, until)
            assert "pod web" in cluster.on_node("node-1", *fetch), "the Service goes on without a master"
        wait_answer(cluster)
        output, _ = process.communicate(timeout=60)
    acknowledged = dict(line.split() for line in output.splitlines())
    items = cluster.json("get", "configmaps", "-l", "made=under-fire")["items"]
    there = {item["metadata"]["name"]: item for item in items}
    assert len(acknowledged) >= 10 * ROUNDS, "the writers got somewhere between the kills"
    assert not acknowledged.keys() - there.keys()
    wrong = [
        name
        for name, version in acknowledged.items()
        if there[name]["data"]["count"] != "1" or there[name]["metadata"]["resourceVersion"] != version
    ]
    assert not wrong
    assert uids(cluster.wait_pods("default", "app=web", 4)) == before, "no pod was made anew"
    until(lambda: all(cluster.nodes().values()), 60, "all nodes Ready")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(3))
async def test_a_store_killed_again_and_again_keeps_what_it_acknowledged(tmp_path, number):
    for count in (20, 90, 300, 700):
        path = tmp_path / f"{number}-{count}"
        path.mkdir()
        await survive(path, count)


def load_images(cluster):
    cluster.run("master", "image", "load", cluster.root / "var/lib/wherry/images/wherry.tar")


def writers(cluster):
    words = (sys.executable, "-m", "tests.long.writing", cluster.root / "kubeconfig")
    return cluster.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])


def wait_answer(cluster):
    """Until the API is ready again; what the master last said where it does not come back."""

    def answers():
        return cluster.run("kubectl", "get", "--raw", "/readyz", check=False).returncode == 0

    try:
        wait_for(answers, 30, "the API")
    except AssertionError as error:
        log = (cluster.root / "var/log/wherry/master.log").read_text()
        raise AssertionError(f"{error}; the master's last words:\n{log[-4000:]}") from error


def kill_master(cluster, until):
    """SIGKILL; the supervisor starts another."""
    pid = until(lambda: processes(cluster)[0], 30, "the master's process")[0]
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in processes(cluster)[0], 10, "its end")


def uids(pods):
    return {pod["metadata"]["uid"] for pod in pods}
