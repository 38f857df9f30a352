"""`agent doctor`: what is wrong with this machine, and the fix; needs no network and no running agent."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commands import ROOT
from probes import doctor as probing

CHECK = click.Choice(probing.NAMES)


@click.command()
@ROOT
@click.option("--json", "json_wanted", is_flag=True, help="The findings as JSON.")
@click.option("--watch", is_flag=True, help="Look again and again, and tell what changes.")
@click.option(
    "--only", multiple=True, type=CHECK, metavar="CHECK", help="Only this check or group; may be given again."
)
@click.option("--skip", multiple=True, type=CHECK, metavar="CHECK", help="Not this check or group; may be given again.")
@click.option("--fix", is_flag=True, help="Apply the fixes that are safe, asking for each; tells how to undo them.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--pack", type=click.Path(dir_okay=False, path_type=Path), help="Write the doctor as one file, and end.")
def doctor(
    root: Path,
    json_wanted: bool,
    watch: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fix: bool,
    yes: bool,
    pack: Path | None,
) -> None:
    """Name what is wrong with this machine, and the fix; causes first, their symptoms under them.

    The exit code is 0 when all is well, 1 for trouble, 2 when something could not be looked at.
    """
    if pack:
        probing.pack(pack)
        return
    options = probing.Options(root, json_wanted, watch, only, skip, fix, yes)

    def agreed(question: str) -> bool:
        return yes or click.confirm(question)

    probing.leave(probing.run(options, click.echo, agreed))
