"""Pods on real containers: what a spec says happens, and the status tells it."""

import time

IMAGE = "wherry.local/busybox:1"


def one(command, **more):
    return {
        "containers": [
            {"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", command]} | more
        ]
    }


def ready(pod):
    return pod is not None and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


def phase(wanted):
    return lambda pod: pod["status"]["phase"] == wanted


async def test_a_pod_becomes_ready_and_goes(agent, api):
    began = time.monotonic()
    api.add_pod("simple", one("trap 'exit 7' TERM; while true; do sleep 0.1; done"))
    pod = await api.seen("simple", ready)
    print("create to Ready", time.monotonic() - began)
    assert pod["status"]["podIP"].startswith("10.211.")
    began = time.monotonic()
    api.delete_pod("simple")
    await api.seen("simple", lambda pod: pod is None)
    print("delete", time.monotonic() - began)
    last = api.streams["simple"][-1]
    assert last["phase"] == "Failed"
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert await agent.runtime.list_sandboxes() == []
