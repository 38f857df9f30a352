"""Runs a table of checks within a time limit and puts symptoms under what causes them.

Each check runs in a thread of its own that nobody waits for past its limit: whatever hangs on this machine costs its own
verdict, never the others'.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from probes.findings import Finding, Level, unsure
from probes.looking import CouldNotLook, Looker

SECONDS = 8.0
AT_ONCE = 12

Judge = Callable[[Looker], Finding | None]
"""From a look to a verdict; None where the check does not apply to this machine."""


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table.  `explains` names the checks whose troubles are symptoms of this one's."""

    group: str
    judge: Judge
    explains: tuple[str, ...] = ()


def examine(look: Looker, checks: Mapping[str, Check], seconds: float = SECONDS) -> list[Finding]:
    """Every check's finding in the table's order; what a check cannot look at is said and never stops the others."""
    found: dict[str, Finding | None] = {}
    waiting = list(checks.items())[::-1]

    def work() -> None:
        while waiting:
            try:
                name, check = waiting.pop()
            except IndexError:
                return  # another thread took the last one
            found[name] = _judged(look, name, check)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(checks)))]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = {name: unsure(name, f"no answer within {seconds:.0f} s") for name in checks if name not in found}
    rows = [found[name] if name in found else late[name] for name in checks]
    return explained([row for row in rows if row is not None], checks)


def _judged(look: Looker, name: str, check: Check) -> Finding | None:
    try:
        return check.judge(look)
    except CouldNotLook as error:
        return unsure(name, str(error))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        return unsure(name, f"the answer makes no sense: {type(error).__name__}: {error}")


def explained(findings: list[Finding], checks: Mapping[str, Check]) -> list[Finding]:
    """Under each finding that is not well the first trouble of the table that explains it, itself explained by none."""
    roots: list[str] = []

    def cause(finding: Finding) -> str:
        return next((name for name in roots if finding.check in reach(name, checks)), "")

    for row in findings:
        if row.level is Level.TROUBLE and not cause(row):
            roots.append(row.check)
    return [
        row if row.level is Level.WELL or row.check in roots else replace(row, cause=cause(row)) for row in findings
    ]


def reach(name: str, checks: Mapping[str, Check]) -> set[str]:
    """All that a check's trouble explains, also by way of others; never itself."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        row = checks.get(waiting.pop())
        new = set(row.explains if row else ()) - found
        found |= new
        waiting += new
    return found - {name}
