"""`master why`: why a pod waits or runs where it does, node by node; read from the API, decided by nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import click

from kube.client import Client
from kube.commands import CLUSTER_ROOT
from kube.errors import ApiError
from kube.kinds import known
from kube.layout import Layout
from master.scheduler.explaining import Explanation, Verdict, explain, read_cluster
from master.scheduler.pods import read_pod

POD = known("v1", "Pod")


@click.command()
@click.argument("pod")
@click.option("-n", "--namespace", default="default", show_default=True, help="Where the pod is.")
@click.option("--scores", is_flag=True, help="Show what each score adds, for every node that fits.")
@CLUSTER_ROOT
def why(pod: str, namespace: str, scores: bool, root: Path) -> None:
    """Say of each node why POD is not there, or how well it would be.

    The exit code is 0 when some node fits, 1 when none does.
    """
    try:
        found = asyncio.run(_explained(Layout(root), namespace, pod))
    except (ApiError, OSError, TimeoutError, aiohttp.ClientError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{namespace}/{pod} {found.outcome}")
    for line in _lines(found, scores):
        click.echo(line)
    raise SystemExit(0 if any(not verdict.reasons for verdict in found.verdicts) else 1)


async def _explained(layout: Layout, namespace: str, name: str) -> Explanation:
    async with Client.from_kubeconfig(layout.admin_conf) as client:

        async def listing(api_version: str, kind: str) -> list[dict[str, Any]]:
            return (await client.list(known(api_version, kind)))[0]

        pod = read_pod(await client.get(POD, namespace, name))
        return explain(pod, await read_cluster(listing))


def _lines(found: Explanation, scores: bool) -> list[str]:
    width = max((len(verdict.node) for verdict in found.verdicts), default=0)
    return [f"  {verdict.node:{width}}  {_said(verdict, scores)}" for verdict in found.verdicts]


def _said(verdict: Verdict, scores: bool) -> str:
    if verdict.reasons:
        return ", ".join(verdict.reasons)
    said = f"fits, {verdict.total:.0f} points"
    parts = ", ".join(f"{name} {value:.0f}" for name, value in verdict.scores)
    return f"{said}: {parts}" if scores else said
