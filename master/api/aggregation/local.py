"""The APIServices of the groups served here: always available, made at the start, as upstream orders them."""

from __future__ import annotations

from collections.abc import Iterator

from kube import times
from master.api.aggregation.availability import available, set_available
from master.api.aggregation.delegates import API_SERVICE
from master.api.bootstrap import create_if_missing
from master.api.contract import Object
from master.api.registry import Registry

LOCAL = ("True", "Local", "Local APIServices are always available")
AUTOMANAGED = {"kube-aggregator.kubernetes.io/automanaged": "onstart"}

PRIORITIES: dict[tuple[str, str], tuple[int, int]] = {
    ("", "v1"): (18000, 1),
    ("admissionregistration.k8s.io", "v1"): (16700, 15),
    ("apiextensions.k8s.io", "v1"): (16700, 15),
    ("apps", "v1"): (17800, 15),
    ("authentication.k8s.io", "v1"): (17700, 15),
    ("authorization.k8s.io", "v1"): (17600, 15),
    ("autoscaling", "v1"): (17500, 15),
    ("autoscaling", "v2"): (17500, 30),
    ("batch", "v1"): (17400, 15),
    ("certificates.k8s.io", "v1"): (17300, 15),
    ("coordination.k8s.io", "v1"): (16500, 15),
    ("discovery.k8s.io", "v1"): (16200, 15),
    ("events.k8s.io", "v1"): (17750, 15),
    ("flowcontrol.apiserver.k8s.io", "v1"): (16100, 21),
    ("networking.k8s.io", "v1"): (17200, 15),
    ("node.k8s.io", "v1"): (16300, 15),
    ("policy", "v1"): (17100, 15),
    ("rbac.authorization.k8s.io", "v1"): (17000, 15),
    ("resource.k8s.io", "v1"): (16200, 21),
    ("scheduling.k8s.io", "v1"): (16600, 15),
    ("storage.k8s.io", "v1"): (16800, 15),
}
"""(group, version) → groupPriorityMinimum, versionPriority: facts of kube-apiserver 1.36."""


def local_services() -> Iterator[Object]:
    for (group, version), (minimum, priority) in PRIORITIES.items():
        spec = {"version": version, "groupPriorityMinimum": minimum, "versionPriority": priority}
        yield {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}", "labels": dict(AUTOMANAGED)},
            "spec": spec | ({"group": group} if group else {}),
        }


async def ensure_local(registry: Registry) -> None:
    """Makes those that are missing and says that they are available; a second run writes nothing."""
    for wanted in local_services():
        name = wanted["metadata"]["name"]
        await create_if_missing(registry, wanted)
        entry = await registry.get(API_SERVICE, "", name)
        if available(entry.decode()) != LOCAL:
            await registry.rewrite(API_SERVICE, "", name, lambda obj: set_available(obj, LOCAL, times.now()))
