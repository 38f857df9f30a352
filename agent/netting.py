"""`agent net`: what this node does with a Service, and whether the kernel agrees."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from agent.commands import CONFIG, ROOT, read_settings


@click.command()
@ROOT
@CONFIG
@click.argument("service")
def net(root: Path, config: Path | None, service: str) -> None:
    """Show what this node does with SERVICE (NAMESPACE/NAME; NAME alone is in `default`).

    Its addresses, its endpoints, the rules in the kernel with their packets, and where the two differ: then it ends with 1.
    """
    layout, given = read_settings(root, config)
    from agent.dns.tables import TableError, load
    from agent.proxy.explaining import explain, parse, problems
    from agent.proxy.kernel import Iptables, KernelError, detect
    from agent.proxy.rules import SHARE, Place
    from agent.proxy.running import ZONE
    from probes import boards

    namespace, _, name = service.rpartition("/")
    key = namespace or "default", name
    cluster = given.cluster
    node = given.node.name or boards.board().hostname
    place = Place(
        node, cluster.pod_cidr, cluster.service_cidr, frozenset({cluster.dns}), given.node.labels.get(ZONE, "")
    )

    async def rules() -> str:
        return await Iptables(await detect()).save(SHARE.tables, counted=True)

    try:
        found = next((one for one in load(layout.run / "services.json") if one.key == key), None)
        seen = parse(asyncio.run(rules()))
    except (TableError, KernelError, OSError) as error:
        raise click.ClickException(f"cannot look at this node: {error}") from error
    if found is None:
        raise click.ClickException(f"this node knows no Service {key[0]}/{key[1]}")
    for line in explain(found, place, seen):
        click.echo(line)
    if problems(found, place, seen):
        raise SystemExit(1)
