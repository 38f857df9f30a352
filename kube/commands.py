"""Command groups that import a command only when it is called: a board has little memory, and `--help` should be quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
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


def group(table: Mapping[str, Row], name: str, words: str) -> LazyGroup:
    """The top command `name`, with --help, -h and --version."""
    made = LazyGroup(table, name=name, help=words, context_settings={"help_option_names": ["-h", "--help"]})
    return click.version_option(package_name="wherry", prog_name=name)(made)
