"""Settings read from TOML into frozen dataclasses, strictly: a key that nothing knows, or a wrong type, is refused by name.

How it works: a settings file is a dataclass of sections, a section a dataclass of values; the types say what is accepted
(bool, int, str, tuple[str, ...], dict[str, str]), the defaults what holds where nothing is written, and `metadata` each
value's comment and bounds.  Writing keeps the comments and order that a person left in the file.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

from kube.files import write_atomic

T = TypeVar("T")
Check = Callable[[Any], str]


class SettingsError(Exception):
    """One sentence: the file, the key, what is wrong and what to write instead."""


def setting(default: Any, comment: str, check: Check | None = None) -> Any:
    """A value of a section: its default, one line for people, and a check that returns what is wrong, or nothing."""
    metadata = {"comment": comment, "check": check}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section(kind: type[Any]) -> Any:
    return field(default_factory=kind)


def load(kind: type[T], path: Path) -> T:
    """The settings at `path`; a file that is not there means all the defaults."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    return parse(kind, text, str(path))


def parse(kind: type[T], text: str, source: str) -> T:
    try:
        content = tomllib.loads(text)
        return _section(kind, content, "")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: not TOML: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error


def save(settings: Any, path: Path) -> None:
    """Writes what differs from the file (a new file gets every key with its comment); a person's own comments stay."""
    write_atomic(path, render(settings, path.read_text() if path.exists() else "").encode())


def render(settings: Any, present: str = "") -> str:
    """`present`, a TOML text, brought to `settings`."""
    import tomlkit

    document = tomlkit.parse(present)
    for part in fields(settings):
        values = getattr(settings, part.name)
        if part.name not in document:
            document.add(part.name, _new_table(values))
            continue
        table: Any = document[part.name]
        for row in fields(values):
            value, default = getattr(values, row.name), _default(row)
            plain = _plain(value)
            if (row.name in table and table[row.name] != plain) or (row.name not in table and value != default):
                table[row.name] = plain
    return tomlkit.dumps(document)


def _new_table(values: Any) -> Any:
    import tomlkit

    table = tomlkit.table()
    for row in fields(values):
        table.add(tomlkit.comment(str(row.metadata["comment"])))
        table.add(row.name, _plain(getattr(values, row.name)))
    return table


def _section(kind: type[T], content: Mapping[str, Any], where: str) -> T:
    known = {row.name: row for row in fields(kind)}  # type: ignore[arg-type]
    types = get_type_hints(kind)
    values = {}
    for key, value in content.items():
        name = f"{where}.{key}" if where else key
        if key not in known:
            raise SettingsError(f"{name}: unknown {'key' if where else 'section'}{_instead(key, list(known))}")
        if not where:
            if not isinstance(value, dict):
                raise SettingsError(f"{name}: must be a section: write [{key}]")
            values[key] = _section(types[key], value, name)
        else:
            values[key] = _value(known[key], types[key], value, name)
    return kind(**values)


def _value(row: Field[Any], wanted: Any, value: Any, name: str) -> Any:
    if not _fits(wanted, value):
        raise SettingsError(
            f"{name}: must be {WORDS[wanted]}, not {value!r}; for example {name.split('.')[-1]} = {_example(row)}"
        )
    kept = tuple(value) if isinstance(value, list) else value
    check: Check | None = row.metadata["check"]
    if check and (wrong := check(kept)):
        raise SettingsError(f"{name}: {wrong}")
    return kept


WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a text in quotes",
    tuple[str, ...]: "a list of texts",
    dict[str, str]: "a table of texts",
}


def _fits(wanted: Any, value: Any) -> bool:
    if wanted is bool or isinstance(value, bool):
        return wanted is bool and isinstance(value, bool)
    if wanted == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    return isinstance(value, wanted)


def _instead(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"


def _default(row: Field[Any]) -> Any:
    return row.default_factory() if row.default_factory is not MISSING else row.default


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _example(row: Field[Any]) -> str:
    import tomlkit

    return str(tomlkit.item(_plain(_default(row))).as_string())


def one_of(*choices: str) -> Check:
    return lambda value: "" if value in choices else f"must be one of {', '.join(choices)}, not {value!r}"


def between(low: int, high: int) -> Check:
    return lambda value: "" if low <= value <= high else f"must be between {low} and {high}, not {value}"


def network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return f"must be a network such as 10.42.0.0/16: {error}"
    return ""


def address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"must be an IP address, not {value!r}"
    return ""


def addresses(values: tuple[str, ...]) -> str:
    return next(filter(None, map(address, values)), "")


def endpoints(values: tuple[str, ...]) -> str:
    """`https://HOST:PORT` each; what is in the clear is not spoken to."""
    return next((f"{value} is no https://HOST:PORT" for value in values if not _is_endpoint(value)), "")


def _is_endpoint(value: str) -> bool:
    parts = urlsplit(value)
    try:
        return parts.scheme == "https" and bool(parts.hostname and parts.port) and parts.path in ("", "/")
    except ValueError:
        return False


def port_range(value: str) -> str:
    match = re.fullmatch(r"(\d+)-(\d+)", value)
    if match and 1 <= int(match[1]) <= int(match[2]) <= 65535:
        return ""
    return f"must be two ports such as 30000-32767, not {value!r}"
