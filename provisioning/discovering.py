"""`master discover`: the boards that announce themselves, and whether their keys are known."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kube.commands import CLUSTER_ROOT
from kube.layout import Layout

if TYPE_CHECKING:
    from master.discovery.browsing import Seen
    from provisioning.enrolments import Enrolled

LISTEN_SECONDS = 2.5
COLUMNS = {"name": 16, "address": 16, "model": 32, "arch": 6, "memory": 10, "state": 8, "key": 8}


@click.command()
@CLUSTER_ROOT
@click.option("--watch", is_flag=True, help="Go on listening; Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a board.")
@click.option(
    "--seconds", type=click.FloatRange(0.5, 60), default=LISTEN_SECONDS, show_default=True, help="How long to listen."
)
def discover(root: Path, watch: bool, as_json: bool, seconds: float) -> None:
    """List the boards that announce themselves, and whether their keys are known."""

    async def run() -> None:
        from master.discovery.browsing import browse

        enrolled = await _enrolments(Layout(root))
        async with browse() as browser:
            found = await browser.settle(seconds)
            _show([row(seen, enrolled) for seen in found], as_json, heading=True)
            while watch:
                name = await browser.changes.get()
                changed = browser.boards.get(name)
                if changed:
                    _show([row(changed, enrolled)], as_json, heading=False)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


async def _enrolments(layout: Layout) -> dict[str, Enrolled]:
    """What the cluster has recorded; nothing where there is no cluster to ask."""
    import aiohttp

    from kube.client import Client
    from provisioning import enrolments

    if not layout.admin_conf.exists():
        return {}
    try:
        async with Client.from_kubeconfig(layout.admin_conf) as client:
            return await enrolments.read(client)
    except aiohttp.ClientError:
        click.echo("the API does not answer, so no board can be called proven; does the master run?", err=True)
        return {}


def row(seen: Seen, enrolled: dict[str, Enrolled]) -> dict[str, Any]:
    """A board's line."""
    from provisioning.proving import standing

    said = seen.said
    return {
        "name": said.name,
        "address": seen.addresses[0] if seen.addresses else "",
        "model": said.model,
        "arch": said.architecture,
        "memory": f"{said.memory} MiB",
        "state": said.state,
        "key": standing(seen, enrolled.get(said.name), datetime.now(UTC)),
        "fingerprint": said.key,
    }


def _show(rows: list[dict[str, Any]], as_json: bool, *, heading: bool) -> None:
    if as_json:
        for found in rows:
            click.echo(json.dumps(found))
        return
    if heading and not rows:
        click.echo("no board announces itself; is it on this network?")
    elif heading:
        click.echo(_line({name: name.upper() for name in COLUMNS}))
    for found in rows:
        click.echo(_line(found))


def _line(cells: dict[str, Any]) -> str:
    return "  ".join(str(cells[name]).ljust(width) for name, width in COLUMNS.items()).rstrip()
