"""What the doctor says: findings, their order, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum


class Level(IntEnum):
    """Worst first, so that sorting puts troubles on top."""

    TROUBLE = 0
    UNSURE = 1
    WELL = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the check, `said` what is so, `evidence` quotes what shows it, `fix` is a command to copy.

    `safe` fixes may be applied by `--fix`; `undo` takes one back.  `cause` names the check whose trouble explains this one.
    """

    check: str
    level: Level
    said: str
    fix: str = ""
    where: str = ""
    breaks: str = ""
    evidence: str = ""
    safe: bool = False
    undo: str = ""
    cause: str = ""


def well(check: str, said: str) -> Finding:
    return Finding(check, Level.WELL, said)


def trouble(
    check: str, said: str, fix: str, *, breaks: str = "", evidence: str = "", safe: bool = False, undo: str = ""
) -> Finding:
    return Finding(check, Level.TROUBLE, said, fix, breaks=breaks, evidence=evidence, safe=safe, undo=undo)


def unsure(check: str, why: str) -> Finding:
    """The check could not look; a missing program or file is no verdict."""
    return Finding(check, Level.UNSURE, f"could not look: {why}")


def exit_code(findings: Iterable[Finding]) -> int:
    """0 healthy, 1 trouble, 2 could not look at something and found no trouble."""
    levels = {finding.level for finding in findings}
    if Level.TROUBLE in levels:
        return 1
    return 2 if Level.UNSURE in levels else 0


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Causes first, in the order given, each with its symptoms after it; then what could not be looked at; then the rest."""
    rows = list(findings)
    causes = [row for row in rows if row.level is Level.TROUBLE and not row.cause]
    told: list[Finding] = []
    for cause in causes:
        told += [cause, *(row for row in rows if row.cause == cause.check and row.where == cause.where)]
    left = (row for row in rows if row not in told)
    return told + sorted(left, key=lambda row: row.level)


def as_json(findings: Iterable[Finding]) -> str:
    rows = [asdict(finding) | {"level": finding.level.name.lower()} for finding in ranked(findings)]
    return json.dumps(rows, indent=1, ensure_ascii=False)


def from_json(text: str, where: str = "") -> list[Finding]:
    """What `as_json` wrote, here or on another machine; ValueError when it is something else."""
    try:
        return [
            Finding(**(row | {"level": Level[row["level"].upper()], "where": row.get("where") or where}))
            for row in json.loads(text)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no findings: {error}") from error


MARKS = {Level.TROUBLE: "✗", Level.UNSURE: "?", Level.WELL: "✓"}


def as_text(findings: Iterable[Finding]) -> str:
    """A line a finding with its particulars below it, causes first and symptoms indented under them."""
    return "\n".join(line for finding in ranked(findings) for line in _lines(finding))


def _lines(finding: Finding) -> Iterator[str]:
    indent = "    " if finding.cause else ""
    where = f"{finding.where}: " if finding.where else ""
    yield f"{indent}{MARKS[finding.level]} {where}{finding.check}: {finding.said}"
    if finding.evidence:
        yield f"{indent}    seen: {finding.evidence}"
    if finding.breaks:
        yield f"{indent}    breaks: {finding.breaks}"
    if finding.fix:
        yield f"{indent}    fix: {finding.fix}"
    if finding.undo:
        yield f"{indent}    undo: {finding.undo}"
