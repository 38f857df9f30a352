"""Writes docs/commands.md, docs/settings.md and docs/doctor.md from the code that they describe.  Run it after changing either.

python packaging/docs.py            writes them
`pages()` gives their text without writing: tests compare it with what is committed.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click
import tomlkit

from kube.config import AgentConfig, MasterConfig
from probes.checks.table import CHECKS

DOCS = Path(__file__).parents[1] / "docs"
NOTE = "<!-- Written by packaging/docs.py from the code; change that, then run it. -->"
DOCTOR = """
`agent doctor` looks at the machine it runs on: without a network, a master or a running agent, and as one file on a bare
board (`agent doctor --pack doctor.pyz`, then `python3 doctor.pyz`). `master doctor` looks at the cluster, and with names of
nodes, or `--all`, at the nodes as they see themselves: over SSH (`--identity KEY`), which needs no agent there, else from
outside.

Causes come first; what another trouble explains is told under it. A finding says what is wrong, what shows it (`seen`), what
it breaks, the fix as a command, and how to undo that. `--fix` applies the fixes that are safe, asking for each. What cannot
be looked at is said and stops nothing else. The exit code is 0 when all is well, 1 for trouble, 2 when something could not
be looked at. `make faults` brings each fault about on a virtual node and tells whether it was named first.
"""
PROGRAMS = ("master", "agent")
FILES = (
    ("/etc/wherry/master.toml", "What `master run` reads.", MasterConfig),
    ("/etc/wherry/agent.toml", "What `agent run` reads; joining writes it.", AgentConfig),
)


def pages() -> dict[Path, str]:
    """Path to text."""
    texts = {"commands.md": commands, "settings.md": settings, "doctor.md": doctor}
    return {DOCS / name: _text(lines()) for name, lines in texts.items()}


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def commands() -> Iterator[str]:
    yield from ("# Commands", "", NOTE, "", "Every command explains itself with `--help`.", "")
    for name in PROGRAMS:
        yield from _command(name, importlib.import_module(f"{name}.cli").main, 2)


def doctor() -> Iterator[str]:
    """Each check of a machine: what it looks at, and which other troubles it explains."""
    groups = dict.fromkeys(check.group for check in CHECKS.values())
    yield from ("# The doctor", "", NOTE, "", *DOCTOR.strip().splitlines(), "")
    for group in groups:
        yield from (f"## {group}", "", "| check | what it looks at | explains troubles of |", "|---|---|---|")
        for name, check in CHECKS.items():
            if check.group == group:
                words = " ".join(inspect.cleandoc(check.judge.__doc__ or "").split())
                yield f"| `{name}` | {words.rstrip('.')} | {', '.join(check.explains) or '–'} |"
        yield ""


def _command(path: str, command: click.Command, depth: int) -> Iterator[str]:
    """A heading, the words of its help, its arguments and options; then the commands below it."""
    with click.Context(command, info_name=path) as context:
        yield from (f"{'#' * depth} `{path}`", "", inspect.cleandoc(command.help or ""), "")
        usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
        if usage and not isinstance(command, click.Group):
            yield from (f"    {path} {usage}", "")
        rows = [row for row in map(_option, command.params) if row]
        if rows:
            yield from ("| option | meaning |", "|---|---|", *rows, "")
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from _command(f"{path} {name}", below, min(depth + 1, 4))


def _option(parameter: click.Parameter) -> str:
    if not isinstance(parameter, click.Option) or parameter.hidden or "--version" in parameter.opts:
        return ""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names}{_value(parameter)} | {_meaning(parameter)} |"


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    choices = getattr(option.type, "choices", None)
    return f" {', '.join(choices)}" if choices else f" {option.metavar or option.type.name.split()[0].upper()}"


def _meaning(option: click.Option) -> str:
    words = (option.help or "").strip().rstrip(".").replace("|", "\\|")
    default = option.to_info_dict()["default"]
    told = (
        not option.is_flag
        and not callable(option.default)
        and default not in (None, "", ())
        and "UNSET" not in str(default)
    )
    return f"{words} (default `{default}`)" if told else words


def settings() -> Iterator[str]:
    yield from ("# Settings", "", NOTE, "")
    yield "A key or section that is not listed here is refused by name when the file is read.  `--root DIR` puts DIR"
    yield from ("before each path.  A file that is not there means all the defaults.", "")
    for path, words, kind in FILES:
        yield from (f"## {path}", "", words, "")
        for part in fields(kind):
            yield from (f"### [{part.name}]", "", "| key | default | meaning |", "|---|---|---|")
            yield from (_setting(row) for row in fields(_default(part)))
            yield ""


def _default(row: Field[Any]) -> Any:
    return row.default_factory() if row.default_factory is not MISSING else row.default


def _setting(row: Field[Any]) -> str:
    default = _default(row)
    shown = tomlkit.item(list(default) if isinstance(default, tuple) else default).as_string()
    return f"| `{row.name}` | `{shown}` | {row.metadata['comment']} |"


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for page, text in pages().items():
        page.write_text(text)
        print(page.relative_to(DOCS.parent))
