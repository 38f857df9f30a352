"""`master why`: why a pod, Service, claim or node is not as it should be; read from the API, decided by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import click

from kube.client import Client
from kube.commands import CLUSTER_ROOT
from kube.errors import ApiError
from kube.kinds import known
from kube.layout import Layout
from master.diagnosing import chains
from master.scheduler.explaining import Explanation, Verdict, explain, read_cluster
from master.scheduler.pods import read_pod

POD, SERVICE, NODE = known("v1", "Pod"), known("v1", "Service"), known("v1", "Node")
CLAIM, CLASS = known("v1", "PersistentVolumeClaim"), known("storage.k8s.io/v1", "StorageClass")
SLICE, POLICY = known("discovery.k8s.io/v1", "EndpointSlice"), known("networking.k8s.io/v1", "NetworkPolicy")
NAMES = {
    "pod": ("pod", "pods", "po"),
    "service": ("service", "services", "svc"),
    "node": ("node", "nodes", "no"),
    "claim": ("persistentvolumeclaim", "persistentvolumeclaims", "pvc"),
}
"""What is asked about, by the words that kubectl takes."""


@click.command()
@click.argument("what")
@click.option("-n", "--namespace", default="default", show_default=True, help="Where it is.")
@click.option("--scores", is_flag=True, help="Of a pod, what each score adds, for every node that fits.")
@CLUSTER_ROOT
def why(what: str, namespace: str, scores: bool, root: Path) -> None:
    """Say why WHAT is not as it should be: POD, service/NAME, pvc/NAME or node/NAME; ends in a command.

    Of a pod each node is told too: why the pod is not there, or how well it would be. The exit code is 0 when all is as it
    should be and, for a pod, some node fits; else 1.
    """
    kind, name = asked(what)
    try:
        text, good = asyncio.run(_answer(Layout(root), kind, namespace, name, scores))
    except (ApiError, OSError, TimeoutError, aiohttp.ClientError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(text)
    raise SystemExit(0 if good else 1)


def asked(what: str) -> tuple[str, str]:
    """Kind and name of `NAME` (a pod) or `KIND/NAME`; ClickException names the kinds."""
    word, slash, name = what.rpartition("/")
    if not slash:
        return "pod", name
    kind = next((kind for kind, words in NAMES.items() if word.lower() in words), "")
    if not kind or not name:
        raise click.ClickException(
            f"{what}: give POD, or one of {', '.join(f'{row[0]}/NAME' for row in NAMES.values())}"
        )
    return kind, name


async def _answer(layout: Layout, kind: str, namespace: str, name: str, scores: bool) -> tuple[str, bool]:
    """The text, and whether all is as it should be."""
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        if kind == "pod":
            return await _pod(client, namespace, name, scores)
        chain = await CHAINS[kind](client, namespace, name)
    return chains.told(chain), not chains.broken(chain)


async def _pod(client: Client, namespace: str, name: str, scores: bool) -> tuple[str, bool]:
    async def listing(api_version: str, kind: str) -> list[dict[str, Any]]:
        return (await client.list(known(api_version, kind)))[0]

    found = await client.get(POD, namespace, name)
    places = explain(read_pod(found), await read_cluster(listing))
    chain = chains.pod(found)
    text = "\n".join([f"{namespace}/{name} {places.outcome}", *_lines(places, scores), chains.told(chain)])
    placed = bool(found["spec"].get("nodeName"))
    return text, (placed or any(not row.reasons for row in places.verdicts)) and not (placed and chains.broken(chain))


async def _service(client: Client, namespace: str, name: str) -> chains.Chain:
    found = await client.get(SERVICE, namespace, name)
    label = f"kubernetes.io/service-name={name}"
    pods, slices, policies = await asyncio.gather(
        client.list(POD, namespace), client.list(SLICE, namespace, labels=label), client.list(POLICY, namespace)
    )
    return chains.service(found, pods[0], slices[0], policies[0])


async def _claim(client: Client, namespace: str, name: str) -> chains.Chain:
    found = await client.get(CLAIM, namespace, name)
    classes, pods = await asyncio.gather(client.list(CLASS), client.list(POD, namespace))
    return chains.claim(found, classes[0], pods[0])


async def _node(client: Client, _namespace: str, name: str) -> chains.Chain:
    return chains.node(await client.get(NODE, "", name))


CHAINS: dict[str, Callable[[Client, str, str], Awaitable[chains.Chain]]] = {
    "service": _service,
    "claim": _claim,
    "node": _node,
}


def _lines(found: Explanation, scores: bool) -> list[str]:
    width = max((len(verdict.node) for verdict in found.verdicts), default=0)
    return [f"  {verdict.node:{width}}  {_said(verdict, scores)}" for verdict in found.verdicts]


def _said(verdict: Verdict, scores: bool) -> str:
    if verdict.reasons:
        return ", ".join(verdict.reasons)
    said = f"fits, {verdict.total:.0f} points"
    parts = ", ".join(f"{name} {value:.0f}" for name, value in verdict.scores)
    return f"{said}: {parts}" if scores else said
