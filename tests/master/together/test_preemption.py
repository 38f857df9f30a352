"""An important pod over the real API: the less important one goes with a condition and an event, and its room is kept."""

from __future__ import annotations

from typing import Any

from kube.errors import ApiError
from kube.kinds import known

POD, EVENT = known("v1", "Pod"), known("v1", "Event")


def pod(name: str, priority: int) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "4"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "priority": priority},
    }


async def test_the_important_pod_gets_the_room_of_the_other(cluster):
    await cluster.node("only", cpu="4")
    held = pod("victim", 1) | {"metadata": {"name": "victim", "finalizers": ["example.com/hold"]}}
    await cluster.create(held)

    async def placed(name: str) -> Any:
        return (await cluster.client.get(POD, "default", name))["spec"].get("nodeName")

    await cluster.until(lambda: placed("victim"), "the victim on the node")
    await cluster.create(pod("important", 1000))

    async def disrupted() -> Any:
        live = await cluster.client.get(POD, "default", "victim")
        found = [row for row in live["status"].get("conditions") or () if row["type"] == "DisruptionTarget"]
        return found if "deletionTimestamp" in live["metadata"] else None

    condition = (await cluster.until(disrupted, "the victim's condition"))[0]
    assert (condition["status"], condition["reason"], condition["message"]) == (
        "True",
        "PreemptionByScheduler",
        "default-scheduler: preempting to accommodate a higher priority pod",
    )

    async def promised() -> Any:
        return (await cluster.client.get(POD, "default", "important"))["status"].get("nominatedNodeName")

    assert await cluster.until(promised, "the promise") == "only"

    async def told() -> Any:
        return (await cluster.client.list(EVENT, "default", fields="reason=Preempted"))[0]

    uid = (await cluster.client.get(POD, "default", "important"))["metadata"]["uid"]
    assert (await cluster.until(told, "the event"))[0]["message"] == f"Preempted by pod {uid} on node only"

    await cluster.create(pod("late", 1))
    await cluster.client.patch(POD, "default", "victim", {"metadata": {"finalizers": None}})

    async def gone() -> Any:
        try:
            await cluster.client.get(POD, "default", "victim")
        except ApiError as error:
            return error.status == 404
        return False

    await cluster.until(gone, "the victim's end")
    await cluster.until(lambda: placed("important"), "the important pod on the node")
    assert not await placed("late")
