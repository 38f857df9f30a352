"""Whose log is asked for: a table of states."""

import pytest

from agent.pods.logs import logged_run
from kube.errors import ApiError


def ended(name):
    return {"terminated": {"containerID": f"containerd://{name}"}}


def waiting(reason):
    return {"waiting": {"reason": reason}}


def pod(state, last=None, container_id=""):
    status = {"name": "c", "state": state, "lastState": last or {}, "containerID": f"containerd://{container_id}"}
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}}


@pytest.mark.parametrize(
    ("pod", "previous", "run"),
    [
        pytest.param(pod({"running": {}}, ended("one"), "two"), False, "two", id="running"),
        pytest.param(pod({"running": {}}, ended("one"), "two"), True, "one", id="the one before"),
        pytest.param(pod(ended("two"), ended("one"), "two"), False, "two", id="ended"),
        pytest.param(pod(waiting("CrashLoopBackOff"), ended("one"), "one"), False, "one", id="between runs"),
        pytest.param(pod(waiting("CrashLoopBackOff"), ended("one"), "one"), True, "one", id="between runs, the last"),
    ],
)
def test_the_run_that_has_the_log(pod, previous, run):
    assert logged_run(pod, "c", previous) == run


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("ContainerCreating", "is waiting to start: ContainerCreating"),
        ("PodInitializing", "is waiting to start: PodInitializing"),
        ("ErrImagePull", "is waiting to start: image can't be pulled"),
        ("ImagePullBackOff", "is waiting to start: trying and failing to pull image"),
    ],
)
def test_why_there_is_none_yet(state, said):
    with pytest.raises(ApiError, match=f'container "c" in pod "p" {said}') as caught:
        logged_run(pod(waiting(state)), "c", False)
    assert caught.value.status == 400


def test_there_was_no_run_before():
    with pytest.raises(ApiError, match='previous terminated container "c" in pod "p" not found'):
        logged_run(pod({"running": {}}, container_id="one"), "c", True)


def test_a_container_that_nobody_spoke_of():
    with pytest.raises(ApiError, match='container "d" in pod "p" is not available'):
        logged_run(pod({"running": {}}), "d", False)
