"""Quotas over the real API: what is given back is counted again, for objects of defined kinds too."""

from __future__ import annotations

from typing import Any

from kube import kinds

DEFINITION = kinds.known("apiextensions.k8s.io/v1", "CustomResourceDefinition")
QUOTA = kinds.known("v1", "ResourceQuota")
BOAT = kinds.Kind("sea.example.com", "v1", "Boat", "boats")
COUNT = "count/boats.sea.example.com"


def boats() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"}
    spec = {"group": "sea.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    head = {"apiVersion": DEFINITION.api_version, "kind": DEFINITION.kind}
    return {**head, "metadata": {"name": "boats.sea.example.com"}, "spec": spec}


async def test_an_object_of_a_defined_kind_is_counted_and_given_back(cluster):
    await cluster.create(boats())

    async def established() -> bool:
        live = await cluster.client.get(DEFINITION, "", "boats.sea.example.com")
        conditions = (live.get("status") or {}).get("conditions") or ()
        return ("Established", "True") in {(each["type"], each["status"]) for each in conditions}

    await cluster.until(established, "the kind")
    boat = {"apiVersion": BOAT.api_version, "kind": "Boat", "metadata": {"name": "ann"}}
    await cluster.client.create(BOAT, "default", boat)
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
    await cluster.create({**head, "spec": {"hard": {COUNT: "1"}}})

    def uses(amount: str) -> Any:
        async def counted() -> bool:
            live = await cluster.client.get(QUOTA, "default", "few")
            return (live.get("status") or {}).get("used") == {COUNT: amount}

        return counted

    await cluster.until(uses("1"), "the boat to be counted")
    await cluster.client.delete(BOAT, "default", "ann")
    await cluster.until(uses("0"), "the boat to be given back")
