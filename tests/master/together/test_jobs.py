"""Jobs over the real API, compared with what a real cluster recorded: conditions, counts, events and pods."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kube import kinds

FACTS = Path(__file__).parents[2] / "facts" / "workloads.jsonl"
RECORDED = {row["name"]: row for row in map(json.loads, FACTS.read_text().splitlines()) if row["kind"] == "Job"}
JOB = kinds.kind_of({"apiVersion": "batch/v1", "kind": "Job"})
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})
TIMES = {"startTime", "completionTime"}


def starred(text: str) -> str:
    return re.sub(r"(rec-job\S*?-)[a-z0-9]{5}(?=$| )", r"\1*", text).replace("default/", "")


def comparable(status: dict[str, Any]) -> dict[str, Any]:
    conditions = [
        (item["type"], item["status"], item["reason"], re.sub(r"rec-job-policy/", "", starred(item["message"])))
        for item in status.get("conditions") or ()
    ]
    return {**{name: "*" if name in TIMES else value for name, value in status.items()}, "conditions": conditions}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("job", 0),
        ("job-indexed", 0),
        ("job-fails", 1),
        ("job-suspended", 0),
        ("job-deadline", None),
        ("job-policy", 42),
    ],
)
async def test_as_recorded(cluster, name, code):
    recorded = RECORDED[name]
    cluster.exits = code
    await cluster.node("node-1")
    spec = recorded["spec"] if name != "job-deadline" else {**recorded["spec"], "activeDeadlineSeconds": 1}
    await cluster.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"rec-{name}"}, "spec": spec})
    wanted = comparable(recorded["stream"][-1]["status"])

    async def there() -> Any:
        live = await cluster.client.get(JOB, "default", f"rec-{name}")
        return comparable(live.get("status") or {}) == wanted

    await cluster.until(there, f"the status to become {wanted}")
    expected = {
        (event["type"], event["reason"], re.sub(r"rec-job-policy/", "", event["message"]))
        for event in recorded["events"]
        if event["by"] == "job-controller"
    }

    async def told() -> Any:
        events, _ = await cluster.client.list(EVENT, "default")
        ours = [event for event in events if event["source"]["component"] == "job-controller"]
        return {(event["type"], event["reason"], starred(event["message"])) for event in ours} == expected

    await cluster.until(told, f"the events {expected}")
    pods = await cluster.pods()
    assert all("finalizers" not in pod["metadata"] for pod in pods)
    assert len(pods) == len(recorded["pods"])


async def test_a_finished_job_goes_after_its_time(cluster):
    cluster.exits = 0
    await cluster.node("node-1")
    spec = {**RECORDED["job"]["spec"], "ttlSecondsAfterFinished": 0}
    await cluster.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "short"}, "spec": spec})
    await cluster.gone(JOB, "default", "short")

    async def none() -> bool:
        return not await cluster.pods()

    await cluster.until(none, "its pods to go")


POD = kinds.kind_of({"apiVersion": "v1", "kind": "Pod"})
TRACKING = "batch.kubernetes.io/job-tracking"


async def start(cluster, name: str, **spec) -> None:
    await cluster.node("node-1")
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
    await cluster.create({**body, "spec": {"template": template, **spec}})


async def over(cluster, name: str) -> dict[str, Any]:
    """The status of a job that has ended."""

    async def ended() -> Any:
        status = (await cluster.client.get(JOB, "default", name)).get("status") or {}
        done = {item["type"] for item in status.get("conditions") or ()} & {"Complete", "Failed"}
        return status if done else None

    return dict(await cluster.until(ended, f"the end of {name}"))


def index(pod: dict[str, Any]) -> int:
    return int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"])


async def test_an_index_may_fail_and_the_others_go_on(cluster):
    cluster.exits = lambda pod: 1 if index(pod) == 1 else 0
    each = {"completionMode": "Indexed", "backoffLimitPerIndex": 1}
    await start(cluster, "each", completions=3, parallelism=3, **each)
    status = await over(cluster, "each")
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0,2", "1")
    assert (status["succeeded"], status["failed"]) == (2, 2)
    assert [item["reason"] for item in status["conditions"]] == ["FailedIndexes"] * 2
    counts = {
        pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] for pod in await cluster.pods()
    }
    assert counts == {"0", "1"}


async def test_a_success_policy_ends_the_others(cluster):
    cluster.exits = lambda pod: 0 if index(pod) == 0 else None
    success = {"rules": [{"succeededIndexes": "0"}]}
    await start(cluster, "leader", completionMode="Indexed", completions=3, parallelism=3, successPolicy=success)
    status = await over(cluster, "leader")
    assert [(item["type"], item["reason"]) for item in status["conditions"]] == [
        ("SuccessCriteriaMet", "SuccessPolicy"),
        ("Complete", "SuccessPolicy"),
    ]
    assert (status["succeeded"], status.get("active", 0), status["terminating"]) == (1, 0, 0)


async def test_pods_are_taken_in_and_let_go(cluster):
    await start(cluster, "mine", parallelism=1)
    pod = (await cluster.until(cluster.pods))[0]
    name = pod["metadata"]["name"]
    await cluster.client.patch(POD, "default", name, {"metadata": {"ownerReferences": None}})

    async def adopted() -> bool:
        meta = (await cluster.client.get(POD, "default", name))["metadata"]
        return bool(meta.get("ownerReferences")) and TRACKING in meta.get("finalizers", ())

    await cluster.until(adopted)
    await cluster.client.patch(POD, "default", name, {"metadata": {"labels": None}})

    async def released() -> bool:
        meta = (await cluster.client.get(POD, "default", name))["metadata"]
        return not meta.get("ownerReferences") and not meta.get("finalizers")

    await cluster.until(released)


async def test_pods_outlive_their_job_and_still_go(cluster):
    await start(cluster, "gone", parallelism=2, completions=2)
    await cluster.until(cluster.pods)
    await cluster.client.delete(JOB, "default", "gone", propagation="Background")

    async def none() -> bool:
        return not await cluster.pods()

    await cluster.until(none, "its pods to go")


async def test_an_elastic_job_shrinks_and_a_suspended_one_stops(cluster):
    await start(cluster, "elastic", completionMode="Indexed", completions=3, parallelism=3)

    async def running(count: int) -> bool:
        return len([pod for pod in await cluster.pods() if "deletionTimestamp" not in pod["metadata"]]) == count

    await cluster.until(lambda: running(3))
    await cluster.client.patch(JOB, "default", "elastic", {"spec": {"completions": 1, "parallelism": 1}})
    await cluster.until(lambda: running(1))
    await cluster.client.patch(JOB, "default", "elastic", {"spec": {"suspend": True}})
    await cluster.until(lambda: running(0))
    cluster.exits = 0
    await cluster.client.patch(JOB, "default", "elastic", {"spec": {"suspend": False}})
    status = await over(cluster, "elastic")
    assert (status["succeeded"], status["completedIndexes"]) == (1, "0")
    assert {item["type"]: item["reason"] for item in status["conditions"]}["Suspended"] == "JobResumed"


async def test_anothers_job_is_left_alone(cluster):
    await start(cluster, "theirs", managedBy="example.com/other")
    await start_other(cluster)
    assert not (await cluster.client.get(JOB, "default", "theirs")).get("status")


async def start_other(cluster) -> None:
    """A job of ours made later, seen through: whatever came before it has been looked at."""
    cluster.exits = 0
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "ours"}, "spec": {"template": template}}
    await cluster.create(body)
    await over(cluster, "ours")
