"""Pods on real containers: what a spec says happens, and the status tells it."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from agent.api.logs import LogOptions, read_log
from agent.pods.rotating import put_aside
from provisioning.images.archives import build_archive
from provisioning.images.catalogue import images

IMAGE = "wherry.local/busybox:1"


def one(command, **more):
    return {
        "containers": [
            {"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", command]} | more
        ]
    }


def ready(pod):
    return pod is not None and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


async def test_a_pod_becomes_ready_and_goes(agent, api):
    api.add_pod("simple", one("trap 'exit 7' TERM; while true; do sleep 0.1; done"))
    pod = await api.seen("simple", ready)
    assert pod["status"]["podIP"].startswith("10.211.")
    api.delete_pod("simple")
    await api.seen("simple", lambda pod: pod is None)
    last = api.streams["simple"][-1]
    assert last["phase"] == "Failed"
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
    assert await agent.runtime.list_sandboxes() == []


async def output(agent, name, container="c", previous=False):
    lines = agent.pods.log_path("tests", name, container, previous).read_text().splitlines()
    return [line.split(" ", 3)[3] for line in lines]


async def test_a_variable_comes_from_a_file_that_an_init_container_wrote(agent, api):
    source = {"fileKeyRef": {"volumeName": "told", "path": "env", "key": "COLOUR"}}
    spec = one("echo $COLOUR; sleep 600", env=[{"name": "COLOUR", "valueFrom": source}])
    mounts = [{"name": "told", "mountPath": "/told"}]
    (first,) = one("echo \"COLOUR='blue'\" > /told/env", name="first", volumeMounts=mounts)["containers"]
    api.add_pod("filed", spec | {"initContainers": [first], "volumes": [{"name": "told", "emptyDir": {}}]})
    await api.seen("filed", ready)
    async with asyncio.timeout(5):
        while await output(agent, "filed") != ["blue"]:
            await asyncio.sleep(0.02)


async def test_environment_and_volumes(agent, api):
    api.objects["ConfigMap", "tests", "settings"] = {
        "metadata": {"namespace": "tests", "name": "settings", "resourceVersion": "1"},
        "data": {"colour": "blue", "shape": "round"},
    }
    api.objects["Secret", "tests", "hidden"] = {
        "metadata": {"namespace": "tests", "name": "hidden", "resourceVersion": "1"},
        "data": {"key": "c2VjcmV0"},
    }
    script = """
        echo $GREETING; echo $COLOUR; echo $shape; echo $KEY; echo $ME $WHERE $ROOM
        cat /etc/settings/colour; echo; cat /etc/hidden/key; echo
        cat /run/told/token; echo; cat /run/told/labels; echo
        stat -f -c %T /etc/hidden; cat /one; echo; echo kept > /data/file; cat /data/file
        grep '# node' /etc/hosts; hostname; cat /etc/resolv.conf
        sleep 600
    """
    names = {"fieldRef": {"fieldPath": "metadata.name"}}, {"fieldRef": {"fieldPath": "spec.nodeName"}}
    spec = one(
        script,
        env=[
            {"name": "WHO", "value": "world"},
            {"name": "GREETING", "value": "hello $(WHO) $$(WHO) $(NOBODY)"},
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "key"}}},
            {"name": "ME", "valueFrom": names[0]},
            {"name": "WHERE", "valueFrom": names[1]},
            {"name": "ROOM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ],
        envFrom=[{"configMapRef": {"name": "settings"}}],
        resources={"limits": {"memory": "64Mi", "cpu": "500m"}},
        volumeMounts=[
            {"name": "settings", "mountPath": "/etc/settings"},
            {"name": "hidden", "mountPath": "/etc/hidden", "readOnly": True},
            {"name": "told", "mountPath": "/run/told"},
            {"name": "settings", "mountPath": "/one", "subPath": "shape"},
            {"name": "data", "mountPath": "/data", "subPathExpr": "of-$(ME)"},
        ],
    )
    told = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    ]
    spec["volumes"] = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "hidden", "secret": {"secretName": "hidden"}},
        {"name": "told", "projected": {"sources": told}},
        {"name": "data", "emptyDir": {}},
    ]
    api.add_pod("told", spec, labels={"app": "told"})
    await api.seen("told", ready)
    async with asyncio.timeout(5):
        while len(lines := await output(agent, "told")) < 14:
            await asyncio.sleep(0.02)
    assert lines[:5] == ["hello world $(WHO) $(NOBODY)", "blue", "round", "secret", "told node 64"]
    assert lines[5:9] == ["blue", "secret", "token of default", 'app="told"']
    assert lines[9:14] == ["tmpfs", "round", "kept", "# node: node", "told"]
    assert "search tests.svc.cluster.local svc.cluster.local cluster.local" in "\n".join(lines)

    # A change arrives in the running container.
    container = agent.pods.container_id("tests", "told", "c")
    changed = {**api.objects["ConfigMap", "tests", "settings"], "data": {"colour": "green"}}
    changed["metadata"] = changed["metadata"] | {"resourceVersion": "2"}
    api.objects["ConfigMap", "tests", "settings"] = changed
    async with asyncio.timeout(10):
        while (await agent.runtime.exec_sync(container, ["cat", "/etc/settings/colour"], 5)).stdout != b"green":
            await asyncio.sleep(0.05)
    assert (await agent.runtime.exec_sync(container, ["ls", "/etc/settings"], 5)).stdout == b"colour\n"


async def test_restarting_the_agent_leaves_pods_alone(agent, api):
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    api.add_pod("stays", one("sleep 600", readinessProbe=probe))
    pod = await api.seen("stays", ready)
    before = pod["status"]["containerStatuses"][0]["containerID"]
    told = len(api.streams["stays"])
    await agent.restart()
    await asyncio.sleep(1.5)
    pod = api.pod("stays")
    assert pod["status"]["containerStatuses"][0]["containerID"] == before
    assert all(ready({"status": status}) for status in api.streams["stays"][told:])


async def test_what_the_api_forgot_meanwhile_is_ended(agent, api):
    api.add_pod("orphan", one("sleep 600") | {"terminationGracePeriodSeconds": 1})
    await api.seen("orphan", ready)
    await agent.stop()
    api.informer.store.clear()
    await agent.start()
    async with asyncio.timeout(15):
        while await agent.runtime.list_sandboxes() or list(agent.paths.pods.iterdir()):
            await asyncio.sleep(0.05)


async def test_a_failing_liveness_probe_restarts_its_container(agent, api):
    probe = {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = "trap 'exit 0' TERM; touch /tmp/ok; sleep 2 & wait; rm /tmp/ok; sleep 600 & wait"
    api.add_pod("ill", one(script, livenessProbe=probe))
    pod = await api.seen(
        "ill", lambda pod: (pod["status"].get("containerStatuses") or [{}])[0].get("restartCount") == 1
    )
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 0
    reasons = {event["reason"] for event in api.events}
    assert {"Unhealthy", "Killing", "Started"} <= reasons


async def test_http_and_tcp_probes_ask_the_pod(agent, api):
    container = {
        "name": "web",
        "image": "wherry.local/web:1",
        "imagePullPolicy": "Never",
        "ports": [{"name": "http", "containerPort": 80}],
        "startupProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 80}, "periodSeconds": 1},
    }
    api.add_pod("web", {"containers": [container]})
    pod = await api.seen("web", ready)
    reader, writer = await asyncio.open_connection(pod["status"]["podIP"], 80)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.endswith(b"pod web on node node\n")


async def test_a_deleted_pod_ends_within_its_grace(agent, api):
    api.add_pod("deaf", one("sleep 600") | {"terminationGracePeriodSeconds": 1})
    await api.seen("deaf", ready)
    began = time.monotonic()
    api.delete_pod("deaf")
    await api.seen("deaf", lambda pod: pod is None)
    assert time.monotonic() - began < 1.3 * 5


async def test_a_shorter_grace_ends_a_pod_that_is_ending(agent, api):
    api.add_pod("slow", one("sleep 600"))
    await api.seen("slow", ready)
    api.delete_pod("slow")
    await api.news()
    api.delete_pod("slow", 0)
    await api.seen("slow", lambda pod: pod is None, 5)


async def test_an_image_that_arrives_starts_the_pod_that_waits_for_it(agent, api):
    name = "wherry.local/late:1"
    spec = one("sleep 600")
    spec["containers"][0]["image"] = name
    api.add_pod("late", spec)
    waiting = "ErrImageNeverPull"
    await api.seen("late", lambda pod: waiting in str(pod["status"].get("containerStatuses")))

    async def chunks():
        (busybox,) = images(["busybox"])
        yield build_archive([replace(busybox, name=name)])

    assert await agent.runtime.import_image(chunks()) == [name]
    agent.pods.images_changed()
    await api.seen("late", ready, 5)


async def test_a_pod_s_cgroup_has_its_limits_and_goes(agent, api, containerd):
    limits = {"memory": "32Mi", "cpu": "250m"}
    pod = api.add_pod("small", one("sleep 600", resources={"limits": limits}) | {"terminationGracePeriodSeconds": 0})
    await api.seen("small", ready)
    cgroup = f"{containerd.cgroup}/kubepods/pod{pod['metadata']['uid']}"
    assert int(Path(f"/sys/fs/cgroup/memory{cgroup}/memory.limit_in_bytes").read_text()) == 32 << 20
    assert int(Path(f"/sys/fs/cgroup/cpu{cgroup}/cpu.cfs_quota_us").read_text()) == 25000
    api.delete_pod("small")
    await api.seen("small", lambda pod: pod is None)
    assert not Path(f"/sys/fs/cgroup/memory{cgroup}").exists()


async def test_a_claim_finds_the_volume_bound_to_it(agent, api, tmp_path):
    (tmp_path / "disk").mkdir()
    claimed = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
    mounts = [{"name": "data", "mountPath": "/data"}]
    spec = one("cat /data/told; sleep 600", volumeMounts=mounts) | {"volumes": [claimed]}
    api.add_pod("claims", spec)
    async with asyncio.timeout(10):
        while not any(event["reason"] == "FailedMount" for event in api.events):
            await api.news()
    (tmp_path / "disk/told").write_text("kept\n")
    api.objects["PersistentVolume", "", "v"] = {
        "metadata": {"name": "v"},
        "spec": {"claimRef": {"uid": "claim"}, "local": {"path": str(tmp_path / "disk")}},
    }
    api.objects["PersistentVolumeClaim", "tests", "c"] = {
        "metadata": {"namespace": "tests", "name": "c", "uid": "claim"},
        "spec": {"volumeName": "v"},
        "status": {"phase": "Bound"},
    }
    await api.seen("claims", ready)
    async with asyncio.timeout(10):
        while await output(agent, "claims") != ["kept"]:
            await asyncio.sleep(0.02)


async def test_a_running_container_gets_other_limits(agent, api, containerd):
    def sized(memory, cpu):
        resources = {"limits": {"memory": memory, "cpu": cpu}}
        return one("sleep 600", resources=resources) | {"terminationGracePeriodSeconds": 0}

    pod = api.add_pod("grows", sized("32Mi", "100m"))
    await api.seen("grows", ready)
    cgroup = Path(f"/sys/fs/cgroup/memory{containerd.cgroup}/kubepods/pod{pod['metadata']['uid']}")
    container = agent.pods.container_id("tests", "grows", "c")

    def has(memory):
        return lambda pod: memory in str(pod["status"]["containerStatuses"][0]["resources"])

    for memory, size in (("64Mi", 64 << 20), ("48Mi", 48 << 20)):
        api.change_spec("grows", sized(memory, "200m"))
        pod = await api.seen("grows", has(memory))
        assert [int((folder / "memory.limit_in_bytes").read_text()) for folder in (cgroup, cgroup / container)] == [
            size,
            size,
        ]
    assert agent.pods.container_id("tests", "grows", "c") == container
    assert not any("Resize" in condition["type"] for condition in pod["status"]["conditions"])


async def test_a_flood_of_logs_is_put_aside_and_followed_without_a_gap(agent, api):
    api.add_pod("flood", one("yes 0123456789012345678901234567890123456789 | head -n 300000; echo the end; sleep 600"))
    await api.seen("flood", ready)
    path = agent.pods.log_path("tests", "flood", "c")
    lines = 0
    async with asyncio.timeout(60), aclosing(read_log(path, LogOptions(follow=True), lambda: True)) as blocks:
        async for block in blocks:
            lines += block.count(b"\n")
            if block.endswith(b"the end\n"):
                break
    async with asyncio.timeout(20):
        while not put_aside(path):
            await asyncio.sleep(0.1)
    assert lines == 300_001
