"""A node that runs short of memory ends the pod that takes it, on the shared cluster, left as it was found."""

import json

import pytest

SETTINGS = "/etc/wherry/agent.toml"
SHORT = (
    f'cp {SETTINGS} {SETTINGS}.before; sed -i \'s/"memory.available" = .*/"memory.available" = "60%"/;'
    f" s/transition_seconds = .*/transition_seconds = 1/' {SETTINGS}; wherry-supervise restart wherry-agent"
)
AGAIN = f"mv {SETTINGS}.before {SETTINGS}; wherry-supervise restart wherry-agent"
TAKE = "dd if=/dev/zero of=/memory/block bs=1M count=500; sleep 1000"


def _pod(name, command):
    container = {
        "name": "main",
        "image": "wherry.local/busybox:1",
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "memory", "mountPath": "/memory"}],
    }
    volume = {"name": "memory", "emptyDir": {"medium": "Memory"}}
    spec = {"nodeName": "node-2", "terminationGracePeriodSeconds": 1, "volumes": [volume], "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.mark.timeout(200)
def test_who_takes_the_memory_is_evicted_and_the_node_says_so(cluster, space, until):
    def told(*what):
        return cluster.kubectl("-n", space, "get", "pod", *what, check=False)

    cluster.on_node("node-2", "sh", "-c", SHORT)
    try:
        cluster.kubectl("-n", space, "create", "-f", "-", stdin=json.dumps(_pod("greedy", TAKE)))
        until(lambda: told("greedy", "-o", "jsonpath={.status.phase}") == "Failed", 90, "the eviction")
        status = json.loads(told("greedy", "-o", "json"))["status"]
        assert status["reason"] == "Evicted"
        assert status["message"].startswith("The node was low on resource: memory. Threshold quantity: ")
        assert "Container main was using" in status["message"]
        events = "get", "events", "-A", "--field-selector", "involvedObject.name=node-2,reason=EvictionThresholdMet"
        until(lambda: "Attempting to reclaim memory" in cluster.kubectl(*events), 30, "the node's event")
    finally:
        cluster.on_node("node-2", "sh", "-c", AGAIN)
    until(lambda: all(cluster.nodes().values()), 60, "all nodes Ready")
    until(lambda: "memory-pressure" not in cluster.kubectl("get", "node", "node-2", "-o", "yaml"), 60, "no taint")
