"""`master backup FILE` and `master restore FILE`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from kube.commands import CLUSTER_ROOT
from kube.config import MasterConfig, SettingsError, read_master
from kube.layout import Layout
from master.backups.archives import BackupError
from master.backups.contents import back_up
from master.backups.restoring import Restoring, restore
from master.store.contract import StoreFileError

PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line seals the backup, or opens it.",
)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@CLUSTER_ROOT
@PASSPHRASE
def backup(file: Path, root: Path, passphrase_file: Path | None) -> None:
    """Write the cluster's state, keys and settings to FILE; its master may be running.

    FILE opens the cluster to whoever reads it, unless it is sealed.
    """
    layout = Layout(root)
    try:
        made = back_up(layout, _store(layout), file, datetime.now(UTC), _passphrase(passphrase_file))
    except (BackupError, OSError) as error:
        raise click.ClickException(f"no backup was made: {error}") from error
    click.echo(f"{file}: revision {made.revision}, {file.stat().st_size >> 10} KiB")


@click.command(name="restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), help="Put every path under this folder.")
@click.option("--replace", is_flag=True, help="Put a store that is there aside.")
@PASSPHRASE
def restore_command(file: Path, root: Path, replace: bool, passphrase_file: Path | None) -> None:
    """Bring the cluster in FILE back on this machine, whose master does not run; then start the master."""
    try:
        found = restore(file, Restoring(Layout(root), datetime.now(UTC), replace), _passphrase(passphrase_file))
    except (BackupError, StoreFileError, OSError) as error:
        raise click.ClickException(f"{file} was not restored: {error}") from error
    click.echo(f"restored the cluster as of {found.made}, revision {found.revision}; start its master")


def _store(layout: Layout) -> Path:
    from master.api.stores import sqlite_path

    try:
        config: MasterConfig = read_master(layout.config / "master.toml")
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if config.store.kind != "sqlite":
        raise click.ClickException(
            f"the state is in {config.store.kind}: back it up by its own means (etcdctl snapshot save)"
        )
    return sqlite_path(layout, config)


def _passphrase(path: Path | None) -> bytes:
    if path is None:
        return b""
    line = path.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise click.ClickException(f"{path}: its first line is empty")
    return line
