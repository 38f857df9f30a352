"""The commands of a node: they read their words and settings, and what stays becomes a resident (agent.residents)."""

from __future__ import annotations

from pathlib import Path

import click

from agent.node.thresholds import problem
from agent.residents import become, until_told
from kube.config import AgentConfig, SettingsError, read_agent
from kube.layout import Layout

ROOT = click.option(
    "--root", type=click.Path(path_type=Path), default=Path("/"), help="Put every path under this folder."
)
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="Settings; default /etc/wherry/agent.toml.")


def read_settings(root: Path, config: Path | None) -> tuple[Layout, AgentConfig]:
    layout = Layout(root)
    path = config or layout.config / "agent.toml"
    try:
        if not path.exists():
            raise SettingsError(f"{path}: no such file; a node gets it when it joins (master join)")
        settings = read_agent(path)
        if wrong := problem(settings.eviction.hard, settings.eviction.soft, settings.eviction.soft_grace):
            raise SettingsError(f"{path}: eviction: {wrong}")
        return layout, settings
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@ROOT
@CONFIG
def run(root: Path, config: Path | None) -> None:
    """Run this machine as a node: pods, services, routes and the node's API on 10250."""
    layout, _ = read_settings(root, config)
    become("run", root, config or layout.config / "agent.toml")


@click.command()
@ROOT
@CONFIG
def dns(root: Path, config: Path | None) -> None:
    """Answer the cluster's names on this node, from the agent's service table."""
    layout, settings = read_settings(root, config)
    become("dns", settings.cluster.dns, settings.cluster.domain, layout.run / "services.json")


@click.command()
@ROOT
@click.option("--ssh-port", default=22, show_default=True, help="Port of this board's SSH server.")
def announce(root: Path, ssh_port: int) -> None:
    """Say by mDNS that this board is here, until it is told to stop."""
    become("announce", root, ssh_port)


@click.command()
@ROOT
@click.argument("name")
@click.argument("addresses", nargs=-1)
def enrol(root: Path, name: str, addresses: tuple[str, ...]) -> None:
    """Make this node's keys where there are none, and print its certificate requests as JSON.

    NAME is the node's name, ADDRESSES what its API is reached by.  `master join` calls this; the keys never leave the node.
    """
    from agent.enrolling import print_requests

    print_requests(Layout(root).config, name, addresses)


@click.command()
@ROOT
@CONFIG
def clean(root: Path, config: Path | None) -> None:
    """Take pods, rules, routes and mounts of this node out of the machine; for one that leaves, once its agent has ended."""
    layout, settings = read_settings(root, config)
    from agent.cleaning import clean as clean_up
    from agent.proxy.kernel import KernelError
    from agent.runtime.contract import RuntimeFailure

    try:
        until_told(clean_up(layout, settings))
    except (RuntimeFailure, KernelError, OSError) as error:
        raise click.ClickException(f"not all could be taken away: {error}") from error


@click.command()
@ROOT
def code(root: Path) -> None:
    """Show the code of this board's SSH host key, to compare with what `master join` asks for."""
    from probes.boards import host_key, short_code

    key = host_key(root)
    if not key:
        raise click.ClickException("no SSH host key at /etc/ssh/ssh_host_ed25519_key.pub; is openssh-server installed?")
    click.echo(short_code(key))
