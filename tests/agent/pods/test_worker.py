"""The loop of a pod over a runtime and an API in memory."""

import asyncio

import pytest

from agent.pods.places import Paths
from agent.pods.volumes.mounting import leftovers, remove_leftovers


def ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def first(pod):
    return (pod["status"].get("containerStatuses") or [{}])[0]


def waiting(reason):
    return lambda pod: first(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def gone(pod):
    return pod is None


async def test_a_pod_lives_and_is_deleted(agent, api, runtime, tmp_path):
    api.add(terminationGracePeriodSeconds=7)
    pod = await api.until(ready)
    assert (pod["status"]["phase"], pod["status"]["podIP"]) == ("Running", "10.42.0.2")
    api.delete_pod(grace=7)
    await api.until(gone)
    assert api.deleted == [("p", 0, "uid-p")] and runtime.stopped == [("c", 7)]
    assert api.phases[-1] == "Failed"
    async with asyncio.timeout(5):
        while agent.pods():
            await asyncio.sleep(0)
    assert not runtime.sandboxes and not runtime.containers
    assert not list((tmp_path / "pods").iterdir())


async def test_init_containers_come_one_by_one(agent, api, runtime):
    async def end_soon(container_id):
        if container_id.startswith("i"):
            asyncio.get_running_loop().call_soon(runtime.end, container_id, 0)

    runtime.script["start_container"] = end_soon
    inits = [{"name": name, "image": "i", "imagePullPolicy": "Never"} for name in ("i1", "i2")]
    api.add(initContainers=inits)
    await api.until(ready)
    assert runtime.started == [("i1", 0), ("i2", 0), ("c", 0)]


async def test_a_container_that_ends_runs_again(agent, api, runtime):
    api.add()
    await api.until(ready)
    runtime.end(runtime.one("c"), 3)
    pod = await api.until(lambda pod: first(pod).get("restartCount") == 1)
    assert first(pod)["lastState"]["terminated"]["exitCode"] == 3
    runtime.end(next(c.id for c in runtime.containers.values() if c.attempt == 1), 3)
    await api.until(waiting("CrashLoopBackOff"))
    assert runtime.started == [("c", 0), ("c", 1)]
    assert "BackOff" in api.events


@pytest.mark.parametrize("years", [1, -1], ids=["ahead", "back"])
async def test_a_jump_of_the_clock_ends_nothing_and_holds_nothing_up(agent, api, runtime, years):
    api.add(activeDeadlineSeconds=3600)
    await api.until(ready)
    runtime.ahead = years * 3e7
    api.put({**api.get(), "metadata": api.get()["metadata"] | {"labels": {"a": "b"}}})
    await api.until(ready)
    runtime.end(runtime.one("c"), 3)
    await api.until(lambda pod: first(pod).get("restartCount") == 1 and ready(pod))
    runtime.ahead = 0.0
    runtime.end(next(c.id for c in runtime.containers.values() if c.attempt == 1), 3)
    await api.until(waiting("CrashLoopBackOff"))
    assert runtime.started == [("c", 0), ("c", 1)]


async def test_a_job_ends_with_its_containers(agent, api, runtime):
    api.add(restartPolicy="Never")
    await api.until(ready)
    runtime.end(runtime.one("c"), 0)
    pod = await api.until(lambda pod: pod["status"]["phase"] == "Succeeded")
    assert first(pod)["state"]["terminated"]["reason"] == "Completed"
    assert runtime.started == [("c", 0)] and not any(s.ready for s in runtime.sandboxes.values())


async def test_a_missing_image_is_pulled_and_its_failure_told(agent, api, runtime, failure):
    runtime.script["pull_image"] = failure("UNKNOWN", "no such host")
    api.add({"name": "c", "image": "far/away:1"})
    pod = await api.until(waiting("ErrImagePull"))
    assert "no such host" in first(pod)["state"]["waiting"]["message"]
    runtime.script.clear()
    agent.images_changed()
    await api.until(waiting("ImagePullBackOff"))
    assert runtime.pulled == ["far/away:1"]
    assert api.events == ["Pulling", "Failed", "Failed", "BackOff", "Failed"]


async def test_a_pull_is_given_up_when_the_pod_is_deleted(agent, api, runtime):
    begun = asyncio.Event()

    async def forever(image):
        begun.set()
        await asyncio.Event().wait()

    runtime.script["pull_image"] = forever
    api.add({"name": "c", "image": "far/away:1"})
    await begun.wait()
    api.delete_pod()
    await api.until(gone)


async def test_a_container_that_cannot_be_made_says_why(agent, api, runtime, failure):
    runtime.script["create_container"] = failure("UNKNOWN", "no room")
    api.add()
    pod = await api.until(waiting("CreateContainerError"))
    assert first(pod)["state"]["waiting"]["message"] == "no room"


async def test_a_runtime_that_is_away_is_waited_for(agent, api, runtime, failure):
    runtime.script["list_sandboxes"] = failure("UNAVAILABLE", "connection refused")
    api.add()
    await asyncio.sleep(0)
    runtime.script.clear()
    agent.wake("uid-p")
    await api.until(ready)


async def test_a_shorter_grace_goes_beside_the_longer(agent, api, runtime):
    async def patient(container_id, grace):
        if grace:
            await asyncio.Event().wait()

    runtime.script["stop_container"] = patient
    api.add()
    await api.until(ready)
    api.delete_pod(grace=30)
    async with asyncio.timeout(5):
        while runtime.stopped != [("c", 30)]:
            await asyncio.sleep(0)
    api.delete_pod(grace=0)
    await api.until(gone)
    assert runtime.stopped == [("c", 30), ("c", 0)]


async def test_a_signal_of_the_spec_s_own_ends_a_container(agent, api, runtime):
    async def obey(container_id, number):
        runtime.end(container_id, 0)

    runtime.script["signal_container"] = obey
    api.add({"name": "c", "lifecycle": {"stopSignal": "SIGUSR1"}})
    await api.until(lambda pod: first(pod).get("stopSignal") == "SIGUSR1")
    await api.until(ready)
    api.delete_pod(grace=30)
    await api.until(gone)
    assert (runtime.signalled, runtime.stopped) == ([("c", 10)], [])


async def test_a_pod_that_the_api_forgot_is_ended_silently(agent, api, runtime):
    api.add()
    await api.until(ready)
    told = len(api.phases)
    api.informer.apply(("n", "p"), None)
    async with asyncio.timeout(5):
        while runtime.sandboxes:
            await asyncio.sleep(0)
    assert runtime.stopped == [("c", 0)] and len(api.phases) == told and not api.deleted


async def test_a_spec_that_cannot_be_honoured_fails_by_name(agent, api):
    api.add(hostUsers=False)
    pod = await api.until(lambda pod: pod["status"]["phase"] == "Failed")
    assert pod["status"]["reason"] == "UnsupportedPodSpec" and "user namespaces" in pod["status"]["message"]


async def test_where_a_log_lies(agent, api, runtime, tmp_path):
    api.add()
    await api.until(ready)
    assert agent.log_path("n", "p", "c") == tmp_path / "logs/n_p_uid-p/c/0.log"
    assert agent.container_id("n", "p", "c") == runtime.one("c")
    assert [pod["status"]["phase"] for pod in agent.pods()] == ["Running"]


async def test_probes_make_a_container_ready(agent, api, runtime):
    runtime.exec_code = 1
    asked = asyncio.Event()

    async def note(container_id):
        asked.set()

    runtime.script["exec_sync"] = note
    api.add({"name": "c", "readinessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 0.01}})
    await asked.wait()
    pod = await api.until(lambda pod: "running" in first(pod).get("state", {}))
    assert not ready(pod) and first(pod)["started"]
    runtime.exec_code = 0
    await api.until(ready)


async def test_a_pod_that_was_not_ready_is_not_ready_while_it_ends(agent, api, runtime):
    async def patient(container_id, grace):
        await asyncio.Event().wait() if grace else None

    runtime.exec_code = 1
    runtime.script["stop_container"] = patient
    api.add({"name": "c", "readinessProbe": {"exec": {"command": ["x"]}}})
    await api.until(lambda pod: "running" in first(pod).get("state", {}))
    api.delete_pod(grace=30)
    async with asyncio.timeout(5):
        while not runtime.stopped:
            await asyncio.sleep(0)
    agent.wake("uid-p")
    assert not any(ready({"status": pod["status"]}) for pod in agent.pods())
    api.delete_pod(grace=0)
    await api.until(gone)


async def test_a_container_that_fails_its_liveness_probe_is_killed(agent, api, runtime):
    runtime.exec_code = 1
    probe = {
        "exec": {"command": ["x"]},
        "periodSeconds": 0.01,
        "failureThreshold": 2,
        "terminationGracePeriodSeconds": 5,
    }
    api.add({"name": "c", "livenessProbe": probe})
    await api.until(lambda pod: first(pod).get("restartCount") == 1)
    assert runtime.stopped[0] == ("c", 5)
    assert {"Unhealthy", "Killing"} <= set(api.events)


async def test_folders_of_pods_that_nobody_knows_are_removed(tmp_path):
    for path in ("pods/uid-old/volumes/emptyDir/x/file", "logs/n_old_uid-old/c/0.log", "pods/uid-p/file"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    paths = Paths(tmp_path / "pods", tmp_path / "logs")
    assert leftovers(paths, {"uid-p"}) == ["uid-old"]
    remove_leftovers(["uid-old"], paths)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]
    assert [path.name for path in (tmp_path / "pods").iterdir()] == ["uid-p"]


async def test_an_evicted_pod_has_failed_and_says_why(agent, api, runtime):
    api.add(terminationGracePeriodSeconds=60)
    await api.until(ready)
    agent.evict("uid-p", "The node was low on resource: memory. ", 1)
    agent.evict("uid-of-nobody", "", 1)
    pod = await api.until(lambda pod: pod["status"]["phase"] == "Failed")
    assert (pod["status"]["reason"], pod["status"]["message"]) == ("Evicted", "The node was low on resource: memory. ")
    assert runtime.stopped == [("c", 1)] and "Evicted" in api.events
    (target,) = [c for c in pod["status"]["conditions"] if c["type"] == "DisruptionTarget"]
    assert (target["status"], target["reason"]) == ("True", "TerminationByKubelet")


async def test_of_a_pod_that_the_node_does_not_take_only_the_reason_is_told(agent, api, runtime):
    api.add(os={"name": "windows"})
    pod = await api.until(lambda pod: pod["status"]["phase"] == "Failed")
    assert (pod["status"]["reason"], pod["status"].get("containerStatuses")) == ("PodOSNotSupported", None)
    assert not runtime.sandboxes
    api.delete_pod()
    await api.until(lambda pod: pod is None)
