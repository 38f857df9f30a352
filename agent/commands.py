"""The commands that run until they are told to stop: SIGTERM and Ctrl-C end them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from agent.node.thresholds import problem
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


def _run(work: Coroutine[Any, Any, None], *, quick: bool = True) -> None:
    """Runs `work` until it ends or a signal cancels it; uvloop where its speed is worth its memory."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    logging.getLogger("aiohttp").setLevel(logging.WARNING)

    async def until_stopped() -> None:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            logging.getLogger(__name__).info("stopped")

    if quick:
        import uvloop

        uvloop.run(until_stopped())
    else:
        asyncio.run(until_stopped())


@click.command()
@ROOT
@CONFIG
def run(root: Path, config: Path | None) -> None:
    """Run this machine as a node: pods, services, routes and the node's API on 10250."""
    layout, settings = read_settings(root, config)
    # gRPC's fork handlers are for programs that go on in the child; our children are other programs.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from agent.running import run as run_agent

    _run(run_agent(layout, settings))


@click.command()
@ROOT
@CONFIG
def dns(root: Path, config: Path | None) -> None:
    """Answer the cluster's names on this node, from the agent's service table."""
    layout, settings = read_settings(root, config)
    from agent.dns.running import run as run_dns

    _run(run_dns(settings.cluster.dns, settings.cluster.domain, layout.run / "services.json"), quick=False)


@click.command()
@ROOT
@click.option("--ssh-port", default=22, show_default=True, help="Port of this board's SSH server.")
def announce(root: Path, ssh_port: int) -> None:
    """Say by mDNS that this board is here, until it is told to stop."""
    from agent.announcing import run as run_announcer

    _run(run_announcer(root, ssh_port), quick=False)


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
        _run(clean_up(layout, settings), quick=False)
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
