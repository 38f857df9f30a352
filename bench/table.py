"""One figure a row, its budget beside it, and whether it keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`budget` is the most that is allowed, or with `at_least` the least; None is a figure to know, without a budget."""

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    @property
    def kept(self) -> bool:
        if self.budget is None:
            return True
        return self.value >= self.budget if self.at_least else self.value <= self.budget


def render(rows: Iterable[Row]) -> str:
    """Columns: name, value with unit, budget, and OVER where it is not kept."""
    cells = [(row.name, f"{number(row.value)} {row.unit}", _budget(row), "" if row.kept else "OVER") for row in rows]
    cells.insert(0, ("what", "measured", "budget", ""))
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {budget:>{widths[2]}}  {verdict}".rstrip()
        for name, value, budget, verdict in cells
    )


def number(value: float) -> str:
    """Three digits that count: 0.0312, 1.46, 23.1, 2184."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def _budget(row: Row) -> str:
    if row.budget is None:
        return "–"
    return f"{'≥' if row.at_least else '≤'} {number(row.budget)}"
