"""`master doctor`: what is wrong with the cluster, and the fix; what can be seen without the API is seen without it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import click

from kube import times
from kube.client import Client
from kube.commands import CLUSTER_ROOT
from kube.errors import ApiError, words_of
from kube.kinds import known
from kube.layout import Layout
from probes.findings import Finding, as_json, as_text, exit_code, trouble, unsure, well

NODE, LEASE, POD = known("v1", "Node"), known("coordination.k8s.io/v1", "Lease"), known("v1", "Pod")
LEASE_SECONDS = 40.0
SKEW_SECONDS = 5.0
PENDING_SECONDS = 30.0
LEAST_FREE = 0.10
LEAST_DAYS = 30
LEAST_STORE = 64 << 20


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


def store_finding(layout: Layout) -> Finding:
    """The disk that the store lies on, and what it holds."""
    files = list(layout.state.glob("store.db*"))
    if not files:
        return unsure("store", f"no store.db in {layout.state}")
    size = sum(path.stat().st_size for path in files)
    usage = shutil.disk_usage(layout.state)
    if usage.free < LEAST_STORE or usage.free / usage.total < LEAST_FREE / 10:
        return trouble(
            "store",
            f"{usage.free >> 20} MiB free for it; writes will fail",
            f"free space on the disk of {layout.state}",
        )
    return well("store", f"{size >> 10} KiB, {usage.free >> 20} MiB free")


def certificate_findings(layout: Layout, now: datetime) -> Iterable[Finding]:
    from kube.certificates import read_certificate

    soon = []
    for path in sorted(layout.pki.rglob("*.crt")):
        days = (read_certificate(path.read_bytes()).not_after - now).days
        if days < LEAST_DAYS:
            soon.append(f"{path.relative_to(layout.pki)} in {days} days")
    if soon:
        yield trouble("certificates", f"end soon: {', '.join(soon)}", "restart the master: it renews them at its start")
    else:
        yield well("certificates", "none ends within a month")


async def examine(layout: Layout) -> list[Finding]:
    """All findings, the API's first: it explains most of the others."""
    findings: list[Finding] = []
    if not layout.admin_conf.exists():
        return [trouble("API", f"there is no cluster here: {layout.admin_conf} is missing", "master up")]
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        try:
            await client.raw("GET", "/readyz")
            cluster = await gather(client)
        except ApiError as error:
            findings.append(trouble("API", f"is not ready: {error.message}", f"see {layout.logs / 'master.log'}"))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            fix = f"start it (master up, or systemctl start wherry-master); its log is {layout.logs / 'master.log'}"
            findings.append(trouble("API", f"{client.server} does not answer: {words_of(error)}", fix))
        else:
            findings.append(well("API", f"{client.server} is ready"))
            for judge in (node_findings, lease_findings, pod_findings):
                findings.extend(judge(cluster))
    findings.append(store_finding(layout))
    findings.extend(certificate_findings(layout, datetime.now(UTC)))
    return findings


@click.command()
@CLUSTER_ROOT
@click.option("--json", "json_wanted", is_flag=True, help="The findings as JSON.")
def doctor(root: Path, json_wanted: bool) -> None:
    """Name what is wrong with this cluster, and the fix.

    The exit code is 0 when all is well, 1 for trouble, 2 when something could not be looked at.
    """
    findings = asyncio.run(examine(Layout(root)))
    click.echo(as_json(findings) if json_wanted else as_text(findings))
    raise SystemExit(exit_code(findings))
