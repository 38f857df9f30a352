"""Values with a form of their own: a number or a percentage."""

from __future__ import annotations

import re
from typing import Any

from kube import names
from master.api.validation.problems import Path, Problems

_PERCENT = re.compile("[0-9]+%")
BAD_PERCENT = names.regex_complaint(
    "a valid percent string must be a numeric string followed by an ending '%'", "[0-9]+%", "1%", "93%"
)


def int_or_percent(value: Any, at: Path, out: Problems) -> None:
    """`5` or `25%`."""
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            out.invalid(at, value, BAD_PERCENT)
    elif value is not None and value < 0:
        out.invalid(at, value, "must be greater than or equal to 0")


def at_most_100_percent(value: Any, at: Path, out: Problems) -> None:
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        out.invalid(at, value, "must not be greater than 100%")


def is_zero(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_PERCENT.fullmatch(value)) and int(value[:-1]) == 0
    return bool(value == 0)
