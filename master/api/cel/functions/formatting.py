"""`"%s of %d".format([a, b])`: the verbs of CEL's string formatting."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from master.api.cel.functions import times
from master.api.cel.values import Type, kind_of

_VERB = re.compile(r"%(?:%|(?:\.(\d+))?([a-zA-Z]))")


def format_text(pattern: str, args: list[Any]) -> str:
    """ValueError for a verb that is none, or a value it cannot show."""
    given = iter(args)

    def shown(match: re.Match[str]) -> str:
        verb = match[2]
        if verb is None:
            return "%"
        if verb not in _VERBS:
            raise ValueError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
        try:
            value = next(given)
        except StopIteration:
            raise ValueError("index out of range: not enough arguments for format") from None
        return _VERBS[verb](value, 6 if match[1] is None else int(match[1]))

    return _VERB.sub(shown, pattern)


def show(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "[" + ", ".join(map(show, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{show(key)}: {show(value[key])}" for key in sorted(value, key=str)) + "}"
        case bytes():
            return value.decode(errors="replace")
        case datetime() | timedelta():
            return times.text(value)
        case Type():
            return value.name
        case float():
            return f"{value:g}"
    return str(value)


def _decimal(value: Any, _precision: int) -> str:
    if kind_of(value) not in ("int", "uint"):
        raise ValueError(
            f"error during formatting: decimal clause can only be used on integers, was given {kind_of(value)}"
        )
    return str(int(value))


def _hexadecimal(value: Any, _precision: int) -> str:
    if isinstance(value, str | bytes):
        return (value.encode() if isinstance(value, str) else value).hex()
    return f"{int(value):x}"


_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": lambda value, _precision: show(value),
    "d": _decimal,
    "f": lambda value, precision: f"{float(value):.{precision}f}",
    "e": lambda value, precision: f"{float(value):.{precision}e}",
    "b": lambda value, _precision: f"{int(value):b}",
    "o": lambda value, _precision: f"{int(value):o}",
    "x": _hexadecimal,
    "X": lambda value, precision: _hexadecimal(value, precision).upper(),
}
