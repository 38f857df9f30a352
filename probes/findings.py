"""What the doctor says: findings, their order, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import IntEnum


class Level(IntEnum):
    """Worst first, so that sorting puts causes on top."""

    TROUBLE = 0
    UNSURE = 1
    WELL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the check, `said` what is so (with the evidence), `fix` a command or what to do; both one line."""

    check: str
    level: Level
    said: str
    fix: str = ""
    where: str = ""


def well(check: str, said: str) -> Finding:
    return Finding(check, Level.WELL, said)


def trouble(check: str, said: str, fix: str) -> Finding:
    return Finding(check, Level.TROUBLE, said, fix)


def unsure(check: str, why: str) -> Finding:
    """The check could not look; a missing program or file is no verdict."""
    return Finding(check, Level.UNSURE, f"could not look: {why}")


def exit_code(findings: Iterable[Finding]) -> int:
    """0 healthy, 1 trouble, 2 could not look at something and found no trouble."""
    levels = {finding.level for finding in findings}
    if Level.TROUBLE in levels:
        return 1
    return 2 if Level.UNSURE in levels else 0


def as_json(findings: Iterable[Finding]) -> str:
    rows = [asdict(finding) | {"level": finding.level.name.lower()} for finding in _ranked(findings)]
    return json.dumps(rows, indent=1)


MARKS = {Level.TROUBLE: "✗", Level.UNSURE: "?", Level.WELL: "✓"}


def as_text(findings: Iterable[Finding]) -> str:
    """A line a finding, its fix below it, troubles first."""
    lines = []
    for finding in _ranked(findings):
        where = f"{finding.where}: " if finding.where else ""
        lines.append(f"{MARKS[finding.level]} {where}{finding.check}: {finding.said}")
        if finding.fix:
            lines.append(f"    fix: {finding.fix}")
    return "\n".join(lines)


def _ranked(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.level)
