"""The doctor as a program of its own: `python3 doctor.pyz` on a bare board, and what `agent doctor` calls.

python3 -m probes.doctor [--json] [--watch] [--only CHECK] [--skip CHECK] [--fix [--yes]]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import zipapp
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from probes.checking import Check, examine
from probes.checks.table import CHECKS
from probes.findings import Finding, as_json, as_text, exit_code
from probes.looking import Here
from probes.mending import mend

WATCH_SECONDS = 5.0
MAIN = "from probes.doctor import leave, main\n\nleave(main())\n"


@dataclass(frozen=True, slots=True)
class Options:
    """`only` and `skip` are names of checks or of their groups."""

    root: Path = Path("/")
    json: bool = False
    watch: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    fix: bool = False
    yes: bool = False


NAMES = (*CHECKS, *dict.fromkeys(check.group for check in CHECKS.values()))
"""What may be chosen: checks, and groups of them."""


def chosen(options: Options) -> dict[str, Check]:
    def named(words: tuple[str, ...], name: str) -> bool:
        return name in words or CHECKS[name].group in words

    return {
        name: check
        for name, check in CHECKS.items()
        if (not options.only or named(options.only, name)) and not named(options.skip, name)
    }


def look(options: Options) -> list[Finding]:
    return examine(Here(options.root), chosen(options))


def run(options: Options, say: Callable[[str], None], agreed: Callable[[str], bool]) -> int:
    """One look, told; with `fix` a second one after mending; with `watch` until Ctrl-C.  The exit code."""
    if options.watch:
        return _watch(options, say)
    findings = look(options)
    say(told(findings, options))
    if options.fix and mend(findings, agreed, say):
        findings = look(options)
        say(told(findings, options))
    return exit_code(findings)


def told(findings: list[Finding], options: Options) -> str:
    if options.json:
        return as_json(findings)
    unseen = "" if os.geteuid() == 0 else "\nwithout root some things cannot be seen: sudo agent doctor"
    return as_text(findings) + unseen


def _watch(options: Options, say: Callable[[str], None]) -> int:
    """Tells the findings whenever they change."""
    code, last = 0, ""
    try:
        for findings in _looks(options):
            troubled = [(row.check, row.level) for row in findings]
            if str(troubled) != last:
                say(f"-- {time.strftime('%H:%M:%S')}\n{told(findings, options)}")
            code, last = exit_code(findings), str(troubled)
    except KeyboardInterrupt:
        return code
    return code


def _looks(options: Options) -> Iterator[list[Finding]]:
    while True:
        yield look(options)
        time.sleep(WATCH_SECONDS)


def pack(target: Path) -> None:
    """The doctor as one file that any Python 3.11 runs."""
    here = Path(__file__).parent

    def wanted(path: Path) -> bool:
        return path.suffix in ("", ".py") and "__pycache__" not in path.parts

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for path in here.rglob("*.py"):
            if wanted(path):
                place = copy / "probes" / path.relative_to(here)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        (copy / "__main__.py").write_text(MAIN)
        zipapp.create_archive(copy, target, interpreter="/usr/bin/env python3", compressed=True)


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser("doctor", description="Name what is wrong with this machine, and the fix.")
    words.add_argument("--root", type=Path, default=Path("/"), help="look at the files under this folder")
    words.add_argument("--json", action="store_true", help="the findings as JSON")
    words.add_argument("--watch", action="store_true", help="look again and again, and tell what changes")
    words.add_argument(
        "--only", action="append", default=[], choices=NAMES, metavar="CHECK", help="only this check or group"
    )
    words.add_argument(
        "--skip", action="append", default=[], choices=NAMES, metavar="CHECK", help="not this check or group"
    )
    words.add_argument("--fix", action="store_true", help="apply the fixes that are safe; asks for each")
    words.add_argument("--yes", action="store_true", help="with --fix: do not ask")
    return words


def agree(question: str) -> bool:
    print(question)
    try:
        return input("do it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def main(argv: list[str] | None = None) -> int:
    given = parser().parse_args(argv)
    only, skip = tuple(given.only), tuple(given.skip)
    options = Options(given.root, given.json, given.watch, only, skip, given.fix, given.yes)
    return run(options, print, (lambda _question: True) if options.yes else agree)


def leave(code: int) -> NoReturn:
    """Ends the program at once: a check that hangs in the kernel must not keep it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
