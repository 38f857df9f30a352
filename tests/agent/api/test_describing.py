"""The kubelet's diagnostic paths: settings, what runs, log files; and who may see them."""

import pytest

from agent.api import describing
from agent.api.access import Access
from agent.runtime.words import Container, ContainerState, Sandbox
from kube.config import AgentConfig
from kube.errors import ApiError


def test_settings_in_the_kubelets_words():
    told = describing.configz(AgentConfig())["kubeletconfig"]
    assert told["maxPods"] == 110 and told["clusterDNS"] == ["10.43.0.10"]
    assert told["evictionHard"]["memory.available"] == "100Mi"


def test_what_runs_is_told_as_pods():
    sandboxes = [Sandbox("s", "p", "n", "u", 0, True, 0.0), Sandbox("old", "p", "n", "u", 0, False, 0.0)]
    containers = [
        Container("c", "s", "main", 0, "busybox", "", ContainerState.RUNNING, 0.0),
        Container("d", "s", "done", 0, "busybox", "", ContainerState.EXITED, 0.0),
    ]
    (pod,) = describing.running_pods(sandboxes, containers)["items"]
    assert pod["metadata"] == {"name": "p", "namespace": "n", "uid": "u"}
    assert [c["name"] for c in pod["spec"]["containers"]] == ["main"]


def test_log_files_and_nothing_outside(tmp_path):
    logs = tmp_path / "log"
    (logs / "wherry").mkdir(parents=True)
    (logs / "a<b.log").write_text("x")
    (tmp_path / "secret").write_text("x")
    (logs / "leads-out").symlink_to(tmp_path / "secret")
    assert describing.log_file(logs, "wherry").is_dir()
    assert describing.listing(logs).count("<a ") == 3 and "a&lt;b.log" in describing.listing(logs)
    for outside in ("../secret", "leads-out", "/etc/passwd", "none"):
        with pytest.raises(ApiError, match="no such file"):
            describing.log_file(logs, outside)


class Reviews:
    """A master that grants what is in `rights`."""

    def __init__(self, *rights):
        self.rights = rights

    async def create(self, kind, _namespace, review):
        asked = review["spec"]["resourceAttributes"]
        return {"status": {"allowed": (asked["verb"], asked["subresource"]) in self.rights}}


BOB = {"subject": ((("commonName", "bob"),),)}


@pytest.mark.parametrize(
    ("path", "right", "allowed"),
    [
        ("/pods", "pods", True),
        ("/pods", "proxy", True),
        ("/runningpods/", "pods", True),
        ("/configz", "configz", True),
        ("/configz", "pods", False),
        ("/healthz", "healthz", True),
        ("/logs/", "log", True),
        ("/logs/", "proxy", False),
        ("/metrics/cadvisor", "metrics", True),
        ("/stats/summary", "stats", True),
        ("/exec/n/p/c", "pods", False),
        ("/exec/n/p/c", "proxy", True),
    ],
)
async def test_a_path_needs_a_right_of_its_own_or_the_proxys(path, right, allowed):
    access = Access(Reviews(("get", right)), "node-1", lambda: 0.0)
    if allowed:
        assert (await access.admit("GET", path, BOB, "")).name == "bob"
    else:
        with pytest.raises(ApiError) as refused:
            await access.admit("GET", path, BOB, "")
        assert refused.value.status == 403
