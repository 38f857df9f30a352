"""What the API's objects tell: nodes that are not Ready, leases not renewed, clocks that differ, pods that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kube import times
from kube.client import Client
from kube.kinds import known
from probes.findings import Finding, trouble, well

NODE, LEASE, POD = known("v1", "Node"), known("coordination.k8s.io/v1", "Lease"), known("v1", "Pod")
LEASE_SECONDS = 40.0
SKEW_SECONDS = 5.0
PENDING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the API told, at `now`."""

    nodes: list[dict[str, Any]]
    leases: list[dict[str, Any]]
    pods: list[dict[str, Any]]
    now: datetime


async def gather(client: Client) -> Cluster:
    nodes, leases, pods = await asyncio.gather(
        client.list(NODE), client.list(LEASE, "kube-node-lease"), client.list(POD, fields="status.phase=Pending")
    )
    return Cluster(nodes[0], leases[0], pods[0], datetime.now(UTC))


def node_findings(cluster: Cluster) -> Iterable[Finding]:
    """Each node that is not Ready, and why, as it or its controller says."""
    if not cluster.nodes:
        yield trouble("nodes", "there is none", "master discover, then master join NAME")
    for node in cluster.nodes:
        name = node["metadata"]["name"]
        rows = (node.get("status") or {}).get("conditions") or ()
        condition = next((row for row in rows if row["type"] == "Ready"), None)
        if condition is None or condition["status"] != "True":
            said = condition.get("message", "") if condition else "its agent has never reported"
            yield replace(trouble("node", f"not Ready: {said}", f"on {name}: agent doctor"), where=name)
        else:
            yield replace(well("node", "Ready"), where=name)


def lease_findings(cluster: Cluster) -> Iterable[Finding]:
    """Leases not renewed, and clocks that differ: a Lease carries its node's own time."""
    for lease in cluster.leases:
        name, renewed = lease["metadata"]["name"], (lease.get("spec") or {}).get("renewTime")
        if not renewed:
            continue
        age = (cluster.now - times.parse(renewed)).total_seconds()
        if age > LEASE_SECONDS:
            said = f"last heard {age:.0f} s ago; its pods move after the time they tolerate"
            yield replace(trouble("lease", said, f"is {name} on, and its network up? on it: agent doctor"), where=name)
        elif age < -SKEW_SECONDS:
            said = f"its clock is {-age:.0f} s ahead of this one"
            yield replace(trouble("clock", said, f"on {name}: timedatectl set-ntp true"), where=name)
        else:
            yield replace(well("lease", f"renewed {max(age, 0):.0f} s ago"), where=name)


def pod_findings(cluster: Cluster) -> Iterable[Finding]:
    """Pods that wait for a node, with the scheduler's words."""
    for pod in cluster.pods:
        meta, rows = pod["metadata"], (pod.get("status") or {}).get("conditions") or ()
        condition = next((row for row in rows if row["type"] == "PodScheduled" and row["status"] == "False"), None)
        waited = (cluster.now - times.parse(meta["creationTimestamp"])).total_seconds()
        if condition and waited > PENDING_SECONDS:
            where = f"{meta['namespace']}/{meta['name']}"
            said = f"waits for a node for {waited:.0f} s: {condition.get('message', '')}"
            yield replace(
                trouble("pod", said, f"kubectl -n {meta['namespace']} describe pod {meta['name']}"), where=where
            )


def findings(cluster: Cluster) -> list[Finding]:
    """All of them, the nodes' first."""
    return [row for judge in (node_findings, lease_findings, pod_findings) for row in judge(cluster)]
