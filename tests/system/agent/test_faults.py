"""What breaks under the agent: a container, a sandbox, containerd itself."""

import asyncio
import os
import signal

import orjson
import pytest

from agent.runtime.proto import cri_pb2 as cri
from agent.runtime.words import ContainerState

SPEC = {
    "terminationGracePeriodSeconds": 1,
    "containers": [
        {"name": "c", "image": "wherry.local/busybox:1", "imagePullPolicy": "Never", "command": ["sleep", "600"]}
    ],
}


def ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


def first(pod):
    return pod["status"]["containerStatuses"][0]


def restarted(pod):
    return ready(pod) and first(pod)["restartCount"] == 1


async def pid_of(runtime, method, request):
    answer = await runtime._call(method, request)
    return int(orjson.loads(answer.info["info"])["pid"])


@pytest.fixture
async def running(agent, api):
    api.add_pod("p", SPEC)
    return await api.seen("p", ready)


async def test_a_killed_container_runs_again(agent, api, running, runtime):
    container = first(running)["containerID"].rpartition("/")[2]
    request = cri.ContainerStatusRequest(container_id=container, verbose=True)
    os.kill(await pid_of(runtime, "ContainerStatus", request), signal.SIGKILL)
    pod = await api.seen("p", restarted, 10)
    assert first(pod)["lastState"]["terminated"]["exitCode"] == 137
    assert pod["status"]["podIP"] == running["status"]["podIP"]


async def test_a_killed_sandbox_is_made_again_with_its_containers(agent, api, running, runtime):
    request = cri.PodSandboxStatusRequest(pod_sandbox_id=agent.pods.sandbox_id("tests", "p"), verbose=True)
    os.kill(await pid_of(runtime, "PodSandboxStatus", request), signal.SIGKILL)
    pod = await api.seen("p", restarted, 20)
    (alive,) = [sandbox for sandbox in await runtime.list_sandboxes() if sandbox.ready]
    assert alive.attempt == 1
    assert (await runtime.sandbox_status(alive.id)).ips == (pod["status"]["podIP"],)


async def test_containerd_s_crash_leaves_pods_alone(agent, api, running, runtime, containerd):
    containerd.kill()
    api.add_pod("q", SPEC)
    await asyncio.sleep(1.5)
    assert agent.api.pod("q")["status"]["phase"] == "Pending"
    containerd.start()
    await api.seen("q", ready, 20)
    assert first(api.pod("p"))["containerID"] == first(running)["containerID"]
    states = [container.state for container in await runtime.list_containers()]
    assert states == [ContainerState.RUNNING] * 2


async def test_an_end_that_containerd_missed_is_seen_at_its_return(agent, api, running, runtime, containerd):
    container = first(running)["containerID"].rpartition("/")[2]
    request = cri.ContainerStatusRequest(container_id=container, verbose=True)
    pid = await pid_of(runtime, "ContainerStatus", request)
    containerd.kill()
    os.kill(pid, signal.SIGKILL)
    containerd.start()
    await api.seen("p", restarted, 20)
