"""Named formats: `format.dns1123Label().validate(text)` answers what is wrong with a text, if anything."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlsplit

from kube import names
from master.api.cel.functions.times import read_time
from master.api.cel.overloads import Overload, by_length, overload
from master.api.cel.values import Maybe

Test = Callable[[str], Sequence[str]]
_UUID = re.compile("[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Format:
    cel_name: ClassVar[str] = "format"
    name: str


def _validated(found: Format, text: str) -> Maybe:
    problems = _FORMATS[found.name](text)
    return Maybe(list(problems), True) if problems else Maybe()


def _prefix(test: Test) -> Test:
    """Of what names are generated from: it may end in a dash."""
    return lambda text: test(f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text)


def _parses(read: Callable[[str], Any], complaint: str) -> Test:
    def test(text: str) -> Sequence[str]:
        try:
            read(text)
        except ValueError:
            return (complaint,)
        return ()

    return test


def _uri(text: str) -> Sequence[str]:
    try:
        found = urlsplit(text)
    except ValueError as error:
        return (f'parse "{text}": {error}',)
    return () if found.scheme or text.startswith("/") else (f'parse "{text}": invalid URI for request',)


def _uuid(text: str) -> Sequence[str]:
    return () if _UUID.fullmatch(text) else ("does not match the UUID format",)


_FORMATS: dict[str, Test] = {
    "byte": _parses(lambda text: base64.b64decode(text, validate=True), "invalid base64"),
    "date": _parses(date.fromisoformat, "invalid date"),
    "datetime": _parses(read_time, "invalid datetime"),
    "dns1035Label": names.dns1035_label,
    "dns1035LabelPrefix": _prefix(names.dns1035_label),
    "dns1123Label": names.dns1123_label,
    "dns1123LabelPrefix": _prefix(names.dns1123_label),
    "dns1123Subdomain": names.dns1123_subdomain,
    "dns1123SubdomainPrefix": _prefix(names.dns1123_subdomain),
    "labelValue": names.label_value,
    "qualifiedName": names.qualified_name,
    "uri": _uri,
    "uuid": _uuid,
}
FORMATS: tuple[Overload, ...] = (
    *(overload(f"format.{name}(): format", lambda name=name: Format(name)) for name in _FORMATS),
    overload("format.named(string): optional_type(format)", lambda name: Maybe(Format(name), name in _FORMATS)),
    overload("format->validate(string): optional_type(list(string))", _validated, by_length),
)
