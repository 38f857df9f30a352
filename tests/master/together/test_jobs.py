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
