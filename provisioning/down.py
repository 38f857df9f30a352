"""`master down`: what `master up` raised goes, without a trace in the kernel; the data stays for the next time."""

from __future__ import annotations

from pathlib import Path

import click

from kube.commands import CLUSTER_ROOT


@click.command("down")
@CLUSTER_ROOT
@click.option("-q", "--quiet", is_flag=True, help="say nothing")
@click.option("--destroy", is_flag=True, help="the virtual nodes' data too")
def down(root: Path, quiet: bool, destroy: bool) -> None:
    """Stop the master and the virtual nodes; leaves no process, namespace, mount, cgroup, rule or route."""
    from kube.layout import Layout
    from provisioning.local.lowering import lower_cluster
    from provisioning.local.reporting import Steps, Trouble

    steps = Steps(say=(lambda line: None) if quiet else click.echo)
    try:
        lower_cluster(Layout(root), steps, destroy)
    except (Trouble, ValueError, PermissionError) as error:
        raise click.ClickException(str(error)) from error
    if not steps.changed and not quiet:
        click.echo("nothing was up")
