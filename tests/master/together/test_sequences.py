"""Any sequence of wishes, with pods deleted, writes refused, answers lost and controllers restarted, ends as was wished.

A model says what should be there in the end; the cluster of real parts must come to it once it is left alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kube import kinds

POD, JOB = (
    kinds.kind_of({"apiVersion": version, "kind": kind}) for version, kind in (("v1", "Pod"), ("batch/v1", "Job"))
)
APPS = {
    name: kinds.kind_of({"apiVersion": "apps/v1", "kind": name}) for name in ("Deployment", "StatefulSet", "DaemonSet")
}
NODES = ("node-1", "node-2")
VERSION = "version"

SCALE = st.tuples(st.just("scale"), st.sampled_from(["Deployment", "StatefulSet"]), st.integers(0, 3))
ROLL = st.tuples(st.just("roll"), st.sampled_from(sorted(APPS)), st.integers(1, 3))
LOSE = st.tuples(st.just("lose"), st.just(""), st.integers(0, 9))
RESTART = st.tuples(st.just("restart"), st.just(""), st.just(0))
WISHES = st.lists(st.one_of(SCALE, ROLL, LOSE, RESTART), min_size=1, max_size=8)


@dataclass
class Model:
    """What was wished for: replicas and version of each workload."""

    replicas: dict[str, int] = field(
        default_factory=lambda: {"Deployment": 2, "StatefulSet": 2, "DaemonSet": len(NODES)}
    )
    version: dict[str, int] = field(default_factory=lambda: dict.fromkeys(APPS, 0))

    def pods(self) -> Counter[tuple[str, str]]:
        return Counter({(name, str(self.version[name])): count for name, count in self.replicas.items() if count})


def template(name: str, version: int = 0) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": "i"}]}
    return {"metadata": {"labels": {"app": name}, "annotations": {VERSION: str(version)}}, "spec": spec}


async def begin(cluster: Any) -> None:
    for node in NODES:
        await cluster.node(node)
    for name, row in APPS.items():
        spec = {"selector": {"matchLabels": {"app": name}}, "template": template(name)}
        spec |= {} if name == "DaemonSet" else {"replicas": 2}
        spec |= {"serviceName": "s"} if name == "StatefulSet" else {}
        await cluster.create({"apiVersion": row.api_version, "kind": name, "metadata": {"name": "w"}, "spec": spec})
    body = {**template("Job"), "spec": {**template("Job")["spec"], "restartPolicy": "Never"}}
    spec = {"completionMode": "Indexed", "completions": 3, "parallelism": 2, "template": body}
    await cluster.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "w"}, "spec": spec})


async def wish(cluster: Any, model: Model, verb: str, name: str, number: int) -> None:
    if verb == "restart":
        await cluster.restart_controllers()
    elif verb == "lose":
        pods = [pod for pod in await cluster.pods() if pod["metadata"]["labels"]["app"] != "Job"]
        for pod in pods[number : number + 1]:
            await cluster.client.delete(POD, "default", pod["metadata"]["name"])
    elif verb == "scale":
        model.replicas[name] = number
        await cluster.client.patch(APPS[name], "default", "w", {"spec": {"replicas": number}})
    else:
        model.version[name] = number
        change = {"metadata": {"annotations": {VERSION: str(number)}}}
        await cluster.client.patch(APPS[name], "default", "w", {"spec": {"template": change}})


async def as_wished(cluster: Any, model: Model) -> bool:
    pods = [pod for pod in await cluster.pods() if "deletionTimestamp" not in pod["metadata"]]
    shown: Counter[tuple[str, str]] = Counter()
    images = {pod["metadata"]["name"]: pod["metadata"]["labels"]["app"] for pod in pods}
    for pod in pods:
        name = images[pod["metadata"]["name"]]
        if name != "Job":
            shown[name, pod["metadata"]["annotations"][VERSION]] += 1
    if shown != model.pods() or not await _told(cluster, model):
        return False
    job = await cluster.client.get(JOB, "default", "w")
    done = job.get("status") or {}
    conditions = {item["type"] for item in done.get("conditions") or ()}
    released = all("finalizers" not in pod["metadata"] for pod in pods)
    return "Complete" in conditions and done["completedIndexes"] == "0-2" and done["succeeded"] == 3 and released


async def _told(cluster: Any, model: Model) -> bool:
    """Whether each status says what there is."""
    for name, row in APPS.items():
        live = await cluster.client.get(row, "default", "w")
        status = live.get("status") or {}
        ready, updated = (
            ("numberReady", "updatedNumberScheduled") if name == "DaemonSet" else ("readyReplicas", "updatedReplicas")
        )
        if status.get("observedGeneration") != live["metadata"]["generation"]:
            return False
        if not status.get(ready, 0) == status.get(updated, 0) == model.replicas[name]:
            return False
    return True


async def play(raise_cluster: Any, wishes: list[tuple[str, str, int]], seed: int) -> None:
    async with raise_cluster(share=0.2, seed=seed) as cluster:
        cluster.exits = lambda pod: 0 if pod["metadata"]["labels"]["app"] == "Job" else None
        model = Model()
        await begin(cluster)
        for verb, name, number in wishes:
            await wish(cluster, model, verb, name, number)
        cluster.shaky.share = 0.0

        async def there() -> bool:
            return await as_wished(cluster, model)

        await cluster.until(there, f"{model} after {wishes}")


@settings(max_examples=4, deadline=None, derandomize=True)
@given(WISHES, st.integers(0, 2**16))
def test_all_ends_as_wished(raise_cluster, wishes, seed):
    asyncio.run(play(raise_cluster, wishes, seed))
