"""`master doctor`: the cluster, and with names or --all the nodes too; what can be seen without the API is seen without it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import click

from kube.client import Client
from kube.commands import CLUSTER_ROOT
from kube.config import SettingsError, read_master
from kube.connections import AGENT_PORT
from kube.errors import ApiError, words_of
from kube.layout import Layout
from master.diagnosing import ways
from master.diagnosing.cluster import findings, gather
from master.diagnosing.here import certificate_findings, store_finding
from master.diagnosing.nodes import ask, together
from probes import doctor as probing
from probes.findings import Finding, Level, as_json, as_text, exit_code, trouble, well
from provisioning import enrolments
from provisioning.here import own_name
from provisioning.transport import Login

CHECK = click.Choice(probing.NAMES)
WATCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """`nodes` are asked themselves, `everyone` means all of them; `login` is the way in."""

    nodes: tuple[str, ...] = ()
    everyone: bool = False
    login: Login | None = None
    options: probing.Options = field(default_factory=probing.Options)


@dataclass(frozen=True, slots=True)
class Seen:
    """The cluster's findings and the nodes that the API names; no nodes where it does not answer."""

    rows: list[Finding]
    nodes: list[ways.Node] = field(default_factory=list)
    answers: bool = False


async def look(layout: Layout) -> Seen:
    """The API's word first: it explains most of the others."""
    if not layout.admin_conf.exists():
        return Seen([trouble("API", f"there is no cluster here: {layout.admin_conf} is missing", "master up")])
    own = [*store_findings(layout), *certificate_findings(layout, datetime.now(UTC))]
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        try:
            await client.raw("GET", "/readyz")
            cluster, keys = await gather(client), await enrolments.read(client)
        except ApiError as error:
            fix = f"see {layout.logs / 'master.log'}"
            return Seen([trouble("API", f"is not ready: {error.message}", fix), *own])
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            fix = f"start it (master up, or systemctl start wherry-master); its log is {layout.logs / 'master.log'}"
            return Seen([trouble("API", f"{client.server} does not answer: {words_of(error)}", fix), *own])
        rows = [well("API", f"{client.server} is ready"), *findings(cluster), *own]
        recorded = {name: row.host_key for name, row in keys.items()}
        return Seen(rows, [node_of(node, recorded) for node in cluster.nodes], answers=True)


def store_findings(layout: Layout) -> Iterable[Finding]:
    """Where the settings say that the state lies; that they cannot be read is a finding too."""
    path = layout.config / "master.toml"
    try:
        yield store_finding(layout, read_master(path))
    except SettingsError as error:
        yield trouble("settings", str(error), f"mend {path}, then restart the master")


def node_of(node: dict[str, Any], recorded: dict[str, str]) -> ways.Node:
    name, status = str(node["metadata"]["name"]), node.get("status") or {}
    address = next((str(row["address"]) for row in status.get("addresses") or () if row["type"] == "InternalIP"), name)
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port")
    return ways.Node(name, address, recorded.get(name, ""), port or AGENT_PORT)


def examine(layout: Layout, wishes: Wishes) -> list[Finding]:
    """ClickException where a node is meant that nobody knows."""
    seen = asyncio.run(look(layout))
    if not (wishes.nodes or wishes.everyone):
        return seen.rows
    if not seen.answers:
        return seen.rows
    known = {node.name: node for node in seen.nodes}
    if missing := sorted(set(wishes.nodes) - set(known)):
        raise click.ClickException(f"no node is named {', '.join(missing)}; there are {', '.join(sorted(known))}")
    wanted = seen.nodes if wishes.everyone else [known[name] for name in dict.fromkeys(wishes.nodes)]
    own = [node for node in wanted if node.name == own_name() and (layout.config / "agent.toml").exists()]
    others = [node for node in wanted if node not in own]
    asked = ask(own, [ways.here(wishes.options)]) + ask(others, ways_in(wishes))
    about = {node.name for node in wanted}
    return together([row for row in seen.rows if wishes.everyone or row.where in about], asked)


def ways_in(wishes: Wishes) -> list[ways.Way]:
    return [ways.by_ssh(wishes.login, wishes.options)] if wishes.login else []


def told(rows: Sequence[Finding]) -> str:
    """As text a node's checks that are well are one line: 20 nodes have 900 of them."""
    return as_text(brief(rows))


def brief(rows: Sequence[Finding]) -> Iterable[Finding]:
    counts: dict[str, int] = {}
    for row in rows:
        if row.where and row.level is Level.WELL:
            counts[row.where] = counts.get(row.where, 0) + 1
    yield from (row for row in rows if not (row.where in counts and row.level is Level.WELL))
    for name, count in counts.items():
        yield well(name, f"{count} checks are well")


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@CLUSTER_ROOT
@click.option("--all", "everyone", is_flag=True, help="Every node's own checks too.")
@click.option(
    "--identity",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=("A private key that the nodes let in over SSH."),
)
@click.option("--user", default="root", show_default=True, help="Who that key belongs to.")
@click.option("--only", multiple=True, type=CHECK, metavar="CHECK", help="Of the nodes only this check or group.")
@click.option("--skip", multiple=True, type=CHECK, metavar="CHECK", help="Of the nodes not this check or group.")
@click.option("--json", "json_wanted", is_flag=True, help="The findings as JSON.")
@click.option("--watch", is_flag=True, help="Look again and again, and tell what changes.")
def doctor(
    nodes: tuple[str, ...],
    root: Path,
    everyone: bool,
    identity: Path | None,
    user: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    json_wanted: bool,
    watch: bool,
) -> None:
    """Name what is wrong with this cluster, or with NODEs as they see it themselves, and the fix.

    The exit code is 0 when all is well, 1 for trouble, 2 when something could not be looked at.
    """
    login = Login(user, (identity,)) if identity else None
    wishes = Wishes(nodes, everyone or bool(only or skip), login, probing.Options(root, only=only, skip=skip))
    last = ""
    while True:
        rows = examine(Layout(root), wishes)
        text = as_json(rows) if json_wanted else told(rows)
        state = str([(row.where, row.check, row.level) for row in rows])
        if state != last:
            click.echo(f"-- {time.strftime('%H:%M:%S')}\n{text}" if watch else text)
        if not watch:
            raise SystemExit(exit_code(rows))
        last = state
        time.sleep(WATCH_SECONDS)
