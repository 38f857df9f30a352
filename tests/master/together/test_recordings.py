"""Workloads as a real cluster ran them: the same objects here, and the same events, conditions and end.

What differs from run to run is starred in the recording and here; intermediate states may merge, so the order of reasons
is held and not their number.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kube import kinds

FACTS = Path(__file__).parents[2] / "facts" / "workloads.jsonl"
RECORDED = {row["name"]: row for row in map(json.loads, FACTS.read_text().splitlines())}
API = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicationController": "v1",
}
COMPONENTS = {
    "daemonset-controller",
    "deployment-controller",
    "replicaset-controller",
    "replication-controller",
    "statefulset-controller",
}
UNCOMPARED = {"conditions", "observedGeneration", "currentRevision", "updateRevision"}
ROLLING = {"deployment", "statefulset", "daemonset"}
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})


def starred(text: str, name: str) -> str:
    """Names that the server made up, without what it made up."""
    return text if re.search(r"-[01]\b", text) else re.sub(rf"({re.escape(name)}-)[-a-z0-9*]+", r"\1*", text)


def final(row: dict[str, Any], generation: int) -> dict[str, Any]:
    """The last status that was recorded of a generation."""
    return [step["status"] for step in row["stream"] if step["generation"] == generation][-1]


def comparable(status: dict[str, Any], name: str) -> dict[str, Any]:
    conditions = {
        item["type"]: (item["status"], item["reason"], starred(item["message"], name))
        for item in status.get("conditions") or ()
    }
    counts = {key: value for key, value in status.items() if key not in UNCOMPARED}
    return {**counts, "conditions": conditions}


@pytest.mark.parametrize("name", ["deployment", "deployment-paused", "replicaset", "rc", "daemonset", "statefulset"])
async def test_as_recorded(cluster, name):
    recorded = RECORDED[name]
    await cluster.node("node-1")
    kind = kinds.kind_of({"apiVersion": API[recorded["kind"]], "kind": recorded["kind"]})
    given = f"rec-{name}"
    obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": given}, "spec": recorded["spec"]}
    await cluster.create(obj)
    wanted = comparable(final(recorded, 1), given)

    async def there() -> Any:
        live = await cluster.client.get(kind, "default", given)
        status = live.get("status") or {}
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        return seen and comparable(status, given) == wanted

    await cluster.until(there, f"the status to become {wanted}")
    if name in ROLLING:
        await cluster.client.patch(
            kind, "default", given, {"spec": {"template": {"metadata": {"annotations": {"v": "2"}}}}}
        )
        wanted = comparable(final(recorded, 2), given)
        await cluster.until(there, f"the status to become {wanted}")
    if wanted.get("replicas"):
        last = max(step["generation"] for step in recorded["stream"])
        await cluster.client.patch(kind, "default", given, {"spec": {"replicas": 1}})
        wanted = comparable(final(recorded, last), given)
        await cluster.until(there, f"the status to become {wanted}")
    expected = {
        (event["about"], event["type"], event["reason"], event["by"], starred(event["message"], given))
        for event in recorded["events"]
        if event["by"] in COMPONENTS
    }

    async def told() -> bool:
        events, _ = await cluster.client.list(EVENT, "default")
        found = {
            (
                event["involvedObject"]["kind"],
                event["type"],
                event["reason"],
                event["source"]["component"],
                starred(event["message"], given),
            )
            for event in events
            if event["source"]["component"] in COMPONENTS
        }
        return found == expected

    await cluster.until(told, f"the events {expected}")
