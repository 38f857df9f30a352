"""Endpoints written by hand over the real API: their slices come, follow and go."""

from __future__ import annotations

from typing import Any

from kube import kinds

ENDPOINTS = kinds.kind_of({"apiVersion": "v1", "kind": "Endpoints"})
SLICE = kinds.kind_of({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"})


async def test_slices_follow_the_endpoints(cluster):
    spec = {"ports": [{"port": 80}]}
    await cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})
    subsets = [{"addresses": [{"ip": "10.9.0.1"}], "ports": [{"port": 80}]}]
    await cluster.create({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "s"}, "subsets": subsets})

    async def addresses() -> Any:
        items, _ = await cluster.client.list(SLICE, "default", labels="kubernetes.io/service-name=s")
        return [endpoint["addresses"] for item in items for endpoint in item["endpoints"]]

    async def first() -> bool:
        return await addresses() == [["10.9.0.1"]]

    await cluster.until(first)
    subsets[0]["addresses"] = [{"ip": "10.9.0.2"}]
    await cluster.client.patch(ENDPOINTS, "default", "s", {"subsets": subsets})

    async def second() -> bool:
        return await addresses() == [["10.9.0.2"]]

    await cluster.until(second)
    await cluster.client.delete(ENDPOINTS, "default", "s")

    async def none() -> bool:
        return not await addresses()

    await cluster.until(none)
