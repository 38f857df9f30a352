"""`agent doctor`: what is wrong with this machine, and the fix; needs no network and no running agent."""

from __future__ import annotations

from pathlib import Path

import click

from probes.findings import as_json, as_text, exit_code
from probes.looking import Here
from probes.node_checks import CHECKS, examine


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), help="Look at the files under this folder.")
@click.option("--json", "json_wanted", is_flag=True, help="The findings as JSON.")
@click.option("--only", multiple=True, type=click.Choice(list(CHECKS)), help="Only this check; may be given again.")
@click.option("--skip", multiple=True, type=click.Choice(list(CHECKS)), help="Not this check; may be given again.")
def doctor(root: Path, json_wanted: bool, only: tuple[str, ...], skip: tuple[str, ...]) -> None:
    """Name what is wrong with this machine, and the fix.

    The exit code is 0 when all is well, 1 for trouble, 2 when something could not be looked at.
    """
    chosen = {name: check for name, check in CHECKS.items() if name in (only or CHECKS) and name not in skip}
    findings = examine(Here(root), chosen)
    click.echo(as_json(findings) if json_wanted else as_text(findings))
    raise SystemExit(exit_code(findings))
