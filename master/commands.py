"""`master run`: the roles of the control plane in one process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import click

from kube.config import MasterConfig, SettingsError, read_master
from kube.layout import Layout
from kube.pki import PkiError
from master.running import ROLES, run_roles
from master.store.contract import DamagedError, StoreFileError, StoreUnavailableError

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings; default etc/wherry/master.toml."
)
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), help="Put every path under this folder.")
@click.option("--roles", default=",".join(ROLES), show_default=True, help="What this process does.")
@click.option("-v", "--verbose", is_flag=True, help="Log what helps to find a fault.")
def run(config: Path | None, root: Path, roles: str, verbose: bool) -> None:
    """Run the control plane on this machine."""
    chosen = [role.strip() for role in roles.split(",") if role.strip()]
    unknown = [role for role in chosen if role not in ROLES]
    if unknown or not chosen:
        raise click.UsageError(f"--roles: {', '.join(unknown) or 'none given'}; there are {', '.join(ROLES)}")
    layout = Layout(root)
    settings = _settings(layout, config)
    _log(verbose)
    import uvloop

    try:
        uvloop.run(_until_stopped(layout, settings, chosen))
    except (OSError, SettingsError, PkiError, StoreFileError, StoreUnavailableError, DamagedError) as error:
        raise click.ClickException(str(error)) from error


def _settings(layout: Layout, config: Path | None) -> MasterConfig:
    path = config or layout.config / "master.toml"
    if config and not path.exists():
        raise click.ClickException(f"{path}: there is no such file")
    try:
        return read_master(path)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _log(verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    for noisy in ("aiohttp", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


async def _until_stopped(layout: Layout, settings: MasterConfig, roles: list[str]) -> None:
    task = asyncio.ensure_future(run_roles(layout, settings, roles))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")
