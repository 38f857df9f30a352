"""`master ui`: where the page is, and a token to sign in with."""

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

SPACE = "kube-system"
VIEWER, ADMIN = "wherry-ui-viewer", "wherry-ui-admin"
ROLE = "wherry:ui"
ACCOUNT = known("v1", "ServiceAccount")
RBAC = "rbac.authorization.k8s.io"

Object = dict[str, Any]


@click.command()
@click.option("--admin", is_flag=True, help="A token that may do everything; without it, one that may only look.")
@click.option("--hours", type=click.IntRange(1, 720), default=8, show_default=True, help="How long the token is good.")
@CLUSTER_ROOT
def ui(admin: bool, hours: int, root: Path) -> None:
    """Print where the page is, and a token to sign in with."""
    try:
        address, token = asyncio.run(_admitted(Layout(root), ADMIN if admin else VIEWER, hours))
    except (ApiError, OSError, TimeoutError, aiohttp.ClientError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{address}/ui/")
    click.echo(f"The page's token, good for {hours} h, {'for everything' if admin else 'to look only'}:")
    click.echo(token)


async def _admitted(layout: Layout, name: str, hours: int) -> tuple[str, str]:
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        for obj in rights(name):
            kind = known(obj["apiVersion"], obj["kind"])
            meta = obj["metadata"]
            await client.patch(kind, meta.get("namespace", ""), meta["name"], obj, "apply", manager="wherry")
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": hours * 3600},
        }
        answer = await client.create(ACCOUNT, SPACE, request, "token", name)
        return client.server, str(answer["status"]["token"])


def rights(name: str) -> list[Object]:
    """The account and what it may do: a viewer sees what `view` allows, and the nodes with their load."""
    account: Object = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": SPACE},
    }
    if name == ADMIN:
        return [account, _binding(name, "cluster-admin")]
    rules = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "watch"]},
    ]
    role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": ROLE}, "rules": rules}
    return [account, role, _binding(name, "view"), _binding(name, ROLE)]


def _binding(account: str, role: str) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{account}-{role.removeprefix('wherry:')}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SPACE}],
    }
