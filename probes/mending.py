"""Applies safe fixes: each asked for, told, and with the command that takes it back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable

from probes.findings import Finding, Level
from probes.looking import DIRECTORIES

SECONDS = 60.0


def mendable(findings: Iterable[Finding]) -> list[Finding]:
    """Causes whose fix may be applied without a person's thought; symptoms go with their cause."""
    return [row for row in findings if row.level is Level.TROUBLE and row.safe and not row.cause]


def apply(finding: Finding) -> str:
    """Runs the fix as printed; empty when it succeeded, else its last words."""
    try:
        done = subprocess.run(
            ["sh", "-c", finding.fix],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": DIRECTORIES, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (words[-1] if words else f"it ended with {done.returncode}")


def mend(
    findings: Iterable[Finding],
    agreed: Callable[[str], bool],
    say: Callable[[str], None],
    act: Callable[[Finding], str] = apply,
) -> int:
    """Applies what is agreed to; how many fixes were applied."""
    applied = 0
    for finding in mendable(findings):
        if not agreed(f"{finding.check}: {finding.said}\n    run: {finding.fix}"):
            continue
        if problem := act(finding):
            say(f"{finding.check}: the fix failed: {problem}")
            continue
        applied += 1
        say(f"{finding.check}: done{'; to undo: ' + finding.undo if finding.undo else ''}")
    return applied
