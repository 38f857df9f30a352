"""Regular expressions as Go's RE2 reads them, for Python's: what is written differently is translated."""

from __future__ import annotations

import re
from functools import lru_cache

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_PARTS = re.compile(
    r"\[:(?P<posix>[a-z]+):\]|\\(?P<escaped>p\{?L\}?|[\s\S])|\(\?<(?P<group>[A-Za-z_]\w*)>|(?P<sign>[\[\]$])"
)


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """ValueError for what is no pattern."""
    try:
        return re.compile(_translated(pattern), re.ASCII)
    except re.error as error:
        raise ValueError(f"error parsing regexp: {error}: `{pattern}`") from error


def _translated(pattern: str) -> str:
    inside = False

    def part(match: re.Match[str]) -> str:
        nonlocal inside
        if match["posix"] is not None:
            return _POSIX.get(match["posix"], match.group())
        if match["group"] is not None and not inside:
            return f"(?P<{match['group']}>"
        if match["escaped"] is not None:
            letters = {"z": r"\Z", "pL": r"[^\W\d_]", "p{L}": r"[^\W\d_]"}
            return letters.get(match["escaped"], match.group())
        if match["sign"] == "[":
            first, inside = not inside, True
            return "[" if first else r"\["
        if match["sign"] == "]":
            inside = False
        return r"\Z" if match["sign"] == "$" and not inside else match.group()

    return _PARTS.sub(part, pattern)
