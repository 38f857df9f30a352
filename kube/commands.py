"""Command groups that import a command only when it is called: a board has little memory, and `--help` should be quick."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from kube.errors import ApiError


@dataclass(frozen=True, slots=True)
class Row:
    """One command: where it is (`module:function`) and one line of help."""

    target: str
    help: str

    def load(self) -> click.Command:
        module, _, function = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command


class LazyGroup(click.Group):
    """A group made of a table, in the table's order."""

    def __init__(self, table: Mapping[str, Row], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # click's own keywords, passed on
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        row = self.table.get(cmd_name)
        return row.load() if row else None

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an API that cannot be reached, or refuses, is one sentence and exit code 1."""
        try:
            return super().invoke(ctx)
        except ApiError as error:
            raise click.ClickException(f"the API refused: {error.message}") from error
        except OSError as error:  # aiohttp's connection errors among them
            if not type(error).__module__.startswith("aiohttp"):
                raise
            raise click.ClickException(f"the API cannot be reached: {error}; does the master run?") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in self.table.items()])


def found_root() -> Path:
    """The root of the cluster that $KUBECONFIG belongs to, when `master up --root DIR` made it; else the system's own."""
    named = os.environ.get("KUBECONFIG", "").split(":")[0]
    for folder in Path(named).absolute().parents if named else ():
        if (folder / "etc/wherry/master.toml").exists():
            return folder
    return Path("/")


CLUSTER_ROOT = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=found_root,
    help="As given to `master up`; by itself, the root that $KUBECONFIG lies under.",
)
"""For commands about a cluster that is there already."""


def group(table: Mapping[str, Row], name: str, words: str) -> LazyGroup:
    """The top command `name`, with --help, -h and --version."""
    made = LazyGroup(table, name=name, help=words, context_settings={"help_option_names": ["-h", "--help"]})
    return click.version_option(package_name="wherry", prog_name=name)(made)
