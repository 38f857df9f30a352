"""HorizontalPodAutoscalers over the real API: told why they cannot scale, and kept within their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from kube import kinds

AUTOSCALER = kinds.kind_of({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"})
DEPLOYMENT = kinds.kind_of({"apiVersion": "apps/v1", "kind": "Deployment"})
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})


async def autoscaler(cluster, least: int, most: int) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": least, "maxReplicas": most, "scaleTargetRef": target}
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    await cluster.create({**body, "spec": spec})


async def deployment(cluster, replicas: int) -> None:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    await cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})


async def conditions(cluster) -> dict[str, tuple[str, str]]:
    status = (await cluster.client.get(AUTOSCALER, "default", "web")).get("status") or {}
    return {item["type"]: (item["reason"], item["message"]) for item in status.get("conditions") or ()}


async def test_without_a_target(cluster):
    await autoscaler(cluster, 1, 3)

    async def told() -> Any:
        return (await conditions(cluster)).get("AbleToScale")

    said = 'the HPA controller was unable to get the target\'s current scale: deployments.apps "web" not found'
    assert await cluster.until(told) == ("FailedGetScale", said)

    async def heard() -> bool:
        events, _ = await cluster.client.list(EVENT, "default")
        return ("FailedGetScale", 'deployments.apps "web" not found') in {(e["reason"], e["message"]) for e in events}

    await cluster.until(heard)


@pytest.mark.parametrize(("present", "expected"), [(5, 3), (1, 2), (0, 0)], ids=["above", "below", "switched-off"])
async def test_bounds_hold_without_any_metric(cluster, present, expected):
    await deployment(cluster, present)
    await autoscaler(cluster, 2, 3)

    async def done() -> bool:
        size = (await cluster.client.get(DEPLOYMENT, "default", "web"))["spec"]["replicas"]
        status = (await cluster.client.get(AUTOSCALER, "default", "web")).get("status") or {}
        return size == expected and status.get("desiredReplicas") == expected and "conditions" in status

    await cluster.until(done)
    if not expected:
        assert (await conditions(cluster))["ScalingActive"][0] == "ScalingDisabled"


async def test_without_metrics_nothing_is_changed(cluster):
    await cluster.node("node-1")
    await deployment(cluster, 2)
    await autoscaler(cluster, 1, 3)

    async def told() -> bool:
        return (await conditions(cluster)).get("ScalingActive", ("",))[0] == "FailedGetResourceMetric"

    await cluster.until(told)
    assert (await cluster.client.get(DEPLOYMENT, "default", "web"))["spec"]["replicas"] == 2
