"""`master virtual …`: virtual nodes one by one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kube.commands import CLUSTER_ROOT

if TYPE_CHECKING:
    from kube.layout import Layout
    from provisioning.virtual.network import Network
    from provisioning.virtual.nodes import VirtualNode

MIB = 1 << 20


@click.group("virtual")
def virtual() -> None:
    """Nodes made of namespaces on this machine: they announce themselves and are joined like boards."""


@virtual.command("create")
@click.argument("name")
@CLUSTER_ROOT
@click.option("--memory", type=click.IntRange(64), default=1024, help="MiB")
@click.option("--cpus", type=click.FloatRange(0.1), default=1.0, help="CPUs it may use")
@click.option("--subnet", default="", help="for the first node: the subnet of all")
def create(name: str, root: Path, memory: int, cpus: float, subnet: str) -> None:
    """Make a node and switch it on; one that is there is switched on."""
    from kube.layout import Layout
    from provisioning.virtual.nodes import VirtualNode
    from provisioning.virtual.prepared import prepared
    from provisioning.virtual.records import Size

    layout = Layout(root)
    try:
        blueprint = prepared(name, Size(memory * MIB, cpus))
        node = VirtualNode.create(layout, the_network(layout, subnet), blueprint)
        node.start()
    except (ValueError, PermissionError) as error:
        raise click.ClickException(str(error)) from error
    _enrol(layout, node)
    click.echo(f"{name} {node.record.address}")


def _enrol(layout: Layout, node: VirtualNode) -> None:
    """The cluster of this root, where there is one, knows the node by its key from now on."""
    import asyncio

    from kube.client import Client
    from provisioning.enrolments import record

    async def run() -> None:
        async with Client.from_kubeconfig(layout.admin_conf) as client:
            await record(client, [node.enrolment])

    if layout.admin_conf.exists():
        asyncio.run(run())


@virtual.command("list")
@CLUSTER_ROOT
def show(root: Path) -> None:
    """Every node, and whether it is on."""
    from kube.layout import Layout
    from provisioning.virtual.nodes import all_nodes

    for node in all_nodes(Layout(root)):
        state = f"on  pid {node.process.pid}" if node.process else "off"
        click.echo(f"{node.record.name:<20} {node.record.address:<15} {state}")


@virtual.command("start")
@click.argument("name")
@CLUSTER_ROOT
def start(name: str, root: Path) -> None:
    """Switch a node on."""
    from kube.layout import Layout

    the_network(Layout(root))
    click.echo(f"{name} is on" if _find(root, name).start() else f"{name} was on")


@virtual.command("kill")
@click.argument("name")
@CLUSTER_ROOT
def kill(name: str, root: Path) -> None:
    """Pull the plug of a node; its disk stays."""
    click.echo(f"{name} is off" if _find(root, name).kill() else f"{name} was off")


@virtual.command("destroy")
@click.argument("name")
@CLUSTER_ROOT
def destroy(name: str, root: Path) -> None:
    """Remove a node with its disk."""
    _find(root, name).destroy()
    click.echo(f"{name} is gone")


@virtual.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
@CLUSTER_ROOT
def execute(name: str, argv: tuple[str, ...], root: Path) -> None:
    """Run a command at the node's console."""
    try:
        words = _find(root, name).console_command(argv)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    sys.stdout.flush()
    os.execvp(words[0], words)


def the_network(layout: Layout, subnet: str = "") -> Network:
    """The bridge of this root, apart from the cluster's own ranges."""
    from kube.config import read_master
    from provisioning.virtual.network import ensure_network

    cluster = read_master(layout.config / "master.toml").cluster
    return ensure_network(layout, subnet, (cluster.pod_cidr, cluster.service_cidr))


def _find(root: Path, name: str) -> VirtualNode:
    from kube.layout import Layout
    from provisioning.virtual.nodes import VirtualNode

    node = VirtualNode.find(Layout(root), name)
    if node is None:
        raise click.ClickException(f"no virtual node is named {name}")
    return node
