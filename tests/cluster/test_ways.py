"""The ways through: proxies, numbers, streams of every protocol, many at once, floods; and that nothing is left behind."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cluster.clusters import wait_for

CLIENTS = Path(__file__).parent / "clients"
BUSYBOX = "--image=wherry.local/busybox:1"


@pytest.fixture(scope="module")
def ways(cluster):
    """A namespace with a pod that stays and a Service `web` of two pods, which answer."""
    cluster.kubectl("create", "namespace", "ways")
    in_ways = ("-n", "ways")
    cluster.kubectl(*in_ways, "run", "stay", BUSYBOX, "--restart=Never", "--command", "--", "sleep", "10000")
    cluster.kubectl(*in_ways, "create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=2", "--port=80")
    cluster.kubectl(*in_ways, "expose", "deployment", "web", "--port=8080", "--target-port=80")
    cluster.kubectl(*in_ways, "wait", "pod/stay", "--for=condition=Ready", "--timeout=40s")
    path = "/api/v1/namespaces/ways/{}/proxy/"
    ends = [f"pods/{pod['metadata']['name']}" for pod in cluster.wait_pods("ways", "app=web", 2)]
    for end in (*ends, "services/web"):
        fetch = ("kubectl", "get", "--raw", path.format(end))
        wait_for(lambda fetch=fetch: "pod web-" in cluster.run(*fetch, check=False).stdout, 30, f"the answer of {end}")
    yield "ways"
    cluster.kubectl("delete", "namespace", "ways", "--wait=false")


@pytest.fixture
def web(cluster, ways):
    return cluster.json("-n", ways, "get", "pods", "-l", "app=web")["items"][0]["metadata"]["name"]


def client(cluster, name, *argv, **options):
    return cluster.run(sys.executable, CLIENTS / f"{name}.py", *argv, **options).stdout


def refused(cluster, path):
    return cluster.run("kubectl", "get", "--raw", path, check=False).stderr


# Proxies


def test_a_node_a_pod_and_a_service_through_the_api(cluster, ways, web):
    base = f"/api/v1/namespaces/{ways}"
    assert cluster.kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/healthz") == "ok"
    for path in (f"pods/{web}", f"pods/{web}:80", f"pods/http:{web}:80"):
        assert f"pod {web} on node" in cluster.kubectl("get", "--raw", f"{base}/{path}/proxy/")
    for path in ("services/web", "services/web:8080", "services/http:web:8080"):
        assert "pod web-" in cluster.kubectl("get", "--raw", f"{base}/{path}/proxy/")
    assert "Connection refused" in refused(cluster, f"{base}/pods/{web}:81/proxy/")
    assert "no service port 99 found" in refused(cluster, f"{base}/services/web:99/proxy/")
    assert 'services "none" not found' in refused(cluster, f"{base}/services/none/proxy/")


def test_kubectl_proxy_and_a_redirect_to_the_slash(cluster, ways, web):
    proxy = cluster.start("kubectl", "proxy", "--port=0", stdout=subprocess.PIPE)
    try:
        address = proxy.stdout.readline().split()[-1]
        url = f"http://{address}/api/v1/namespaces/{ways}/pods/{web}/proxy"
        assert f"pod {web}" in cluster.run("curl", "-sS", "--max-time", "10", f"{url}/").stdout
        head = cluster.run("curl", "-sS", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", url).stdout
        assert head == "301"
    finally:
        proxy.kill()
        proxy.wait()
        proxy.stdout.close()


# Numbers


def test_top_and_the_agents_numbers(cluster, ways, until):
    said = until(lambda: cluster.run("kubectl", "top", "nodes", check=False).stdout, 20, "numbers of nodes")
    assert "node-1" in said and "node-2" in said and "<unknown>" not in said
    assert "stay" in until(lambda: cluster.run("kubectl", "-n", ways, "top", "pods", check=False).stdout, 20, "of pods")
    assert "stay" not in cluster.kubectl("-n", ways, "top", "pods", "-l", "app=web")
    resource = cluster.kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/metrics/resource")
    assert "node_cpu_usage_seconds_total " in resource
    summary = json.loads(cluster.kubectl("get", "--raw", "/api/v1/nodes/node-1/proxy/stats/summary"))
    assert summary["node"]["nodeName"] == "node-1" and summary["node"]["memory"]["workingSetBytes"] > 0


# Streams


def test_the_python_clients_streams(cluster, ways, web):
    said = json.loads(client(cluster, "python_streams", ways, "stay", web))
    assert sorted(said["whole"].split()) == ["err", "out"]
    assert (said["typed"], said["code"]) == ("42\n", 7)
    assert said["forwarded"].startswith(f"pod {web} on node")


@pytest.mark.parametrize(
    ("protocol", "ends_with_status"),
    [
        ("v5.channel.k8s.io", True),
        ("v4.channel.k8s.io", True),
        ("v4.base64.channel.k8s.io", True),
        ("channel.k8s.io", False),
        ("base64.channel.k8s.io", False),
    ],
)
def test_every_channel_protocol(cluster, ways, tmp_path, protocol, ends_with_status):
    chosen, out, error = json.loads(client(cluster, "channels", ways, "stay", protocol, tmp_path))
    assert (chosen, out) == (protocol, "hello\n")
    assert ("Success" in error) == ends_with_status


# What is left behind


class Descriptors:
    """Open files and sockets of the master's process and of all agents."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.master = next(p for p in psutil.process_iter() if self._is_master(p))

    def _is_master(self, process):
        try:
            words = process.cmdline()
        except psutil.Error:
            return False
        return str(self.cluster.root) in words and "run" in words and any(word.endswith("bin/master") for word in words)

    def agents(self):
        found = 0
        for node in self.cluster.nodes():
            text = self.cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics")
            found += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("process_open_fds"))
        return found

    def count(self):
        return self.agents(), len([c for c in self.master.net_connections("tcp") if c.status == "ESTABLISHED"])


@pytest.fixture
def nothing_left(cluster, ways, until):
    """Afterwards agents and master have no more open than before, but for what the cluster itself opens."""
    descriptors = Descriptors(cluster)
    before = descriptors.count()
    yield

    def back():
        now = descriptors.count()
        return now[0] <= before[0] + 2 and now[1] <= before[1] + 4

    until(back, 20, f"the descriptors of before {before}")


def test_fifty_forwarded_connections_at_once(cluster, ways, nothing_left):
    forward = cluster.start("kubectl", "-n", ways, "port-forward", "service/web", ":8080", stdout=subprocess.PIPE)
    try:
        port = forward.stdout.readline().split("127.0.0.1:")[1].split()[0]
        assert client(cluster, "many_connections", port, 50).strip() == "50"
    finally:
        forward.kill()
        forward.wait()
        forward.stdout.close()


def test_clients_that_are_killed_leave_nothing(cluster, ways, nothing_left, until):
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    clients = [cluster.start("kubectl", "-n", ways, "logs", "-f", "stay", **quiet) for _ in range(5)]
    clients += [cluster.start("kubectl", "-n", ways, "exec", "-i", "stay", "--", "cat", **quiet) for _ in range(5)]
    running = lambda: cluster.kubectl("-n", ways, "exec", "stay", "--", "ps").count(" cat")  # noqa: E731
    until(lambda: running() == 5, 20, "five sessions")
    for one in clients:
        one.kill()
        one.wait()
        one.stdin.close()
    until(lambda: running() == 0, 20, "the end of what read from them")


def test_logs_of_many_pods_followed(cluster, ways, space):
    script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done"
    for number in range(6):
        labels = ("--labels=app=talk", "--restart=Never", "--command", "--", "sh", "-c", script)
        cluster.kubectl("-n", space, "run", f"talk-{number}", BUSYBOX, *labels)
    ready = "--for=jsonpath={.status.containerStatuses[0].started}=true"
    cluster.kubectl("-n", space, "wait", "pod", "-l", "app=talk", ready, "--timeout=40s", check=False)
    said = cluster.kubectl(
        "-n", space, "logs", "-f", "-l", "app=talk", "--max-log-requests=10", "--prefix", "--tail=-1"
    )
    assert len(said.splitlines()) == 30


# Floods


@pytest.mark.timeout(120)
def test_nodes_and_administrators_go_on_during_a_flood(cluster, ways, until):
    """How much is refused depends on how fast the machine answers; when and how is told by the unit tests of turns."""
    token = cluster.kubectl("-n", ways, "create", "token", "default").strip()
    renewed = lambda: [  # noqa: E731
        one["spec"]["renewTime"] for one in cluster.json("-n", "kube-node-lease", "get", "leases")["items"]
    ]
    before = renewed()
    flood = cluster.start(sys.executable, CLIENTS / "flood.py", token, "400", "12", stdout=subprocess.PIPE)
    began = time.monotonic()
    cluster.kubectl("-n", ways, "get", "pods")
    assert time.monotonic() - began < 8, "an administrator is served meanwhile"
    said = json.loads(flood.communicate(timeout=60)[0])
    assert set(said["seen"]) <= {"403", "429"}, "answered or refused, never broken"
    assert said["waits"] == (["1"] if "429" in said["seen"] else [])
    assert all(cluster.nodes().values())
    until(lambda: all(now > then for now, then in zip(renewed(), before, strict=True)), 15, "renewed leases")
