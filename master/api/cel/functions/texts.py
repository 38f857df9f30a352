"""Texts: CEL's functions, its strings extension, and Kubernetes' regular expressions."""

from __future__ import annotations

import base64
from typing import Any

from kube.patterns import compile_pattern
from master.api.cel.functions.formatting import format_text
from master.api.cel.overloads import Overload, by_both, by_length, by_pattern, by_sum, overload
from master.api.cel.values import UInt


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return text[index : index + 1]


def _index_of(text: str, part: str, start: int = 0) -> int:
    if not 0 <= start <= len(text):
        raise ValueError(f"index out of range: {start}")
    return text.find(part, start)


def _last_index_of(text: str, part: str, last: int | None = None) -> int:
    if last is None:
        return text.rfind(part)
    if not 0 <= last <= len(text):
        raise ValueError(f"index out of range: {last}")
    return text.rfind(part, 0, last + len(part))


def _substring(text: str, start: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise ValueError(f"index out of range: {start if not 0 <= start <= len(text) else last}")
    return text[start:last]


def _split(text: str, separator: str, most: int = -1) -> list[str]:
    if most == 0:
        return []
    if not separator:
        return list(text) if most < 0 else [*text[: most - 1], text[most - 1 :]]
    return text.split(separator, most - 1 if most > 0 else -1)


def _replace(text: str, old: str, new: str, most: int = -1) -> str:
    return text.replace(old, new, most)


def _ascii(upper: bool) -> Any:
    def change(text: str) -> str:
        return "".join((sign.upper() if upper else sign.lower()) if sign.isascii() else sign for sign in text)

    return change


def _find(text: str, pattern: str) -> str:
    found = compile_pattern(pattern).search(text)
    return found.group() if found else ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found = [match.group() for match in compile_pattern(pattern).finditer(text)]
    return found if most < 0 else found[:most]


def _matches(text: str, pattern: str) -> bool:
    return compile_pattern(pattern).search(text) is not None


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _quote(text: str) -> str:
    escapes = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    return '"' + "".join(escapes.get(sign, "\\" + sign if sign in '"\\' else sign) for sign in text) + '"'


TEXTS: tuple[Overload, ...] = (
    overload("string->contains(string): bool", lambda text, part: part in text, by_both),
    overload("string->startsWith(string): bool", str.startswith, lambda _text, part: by_length(part)),
    overload("string->endsWith(string): bool", str.endswith, lambda _text, part: by_length(part)),
    overload("string->matches(string): bool", _matches, by_pattern),
    overload("matches(string, string): bool", _matches, by_pattern),
    overload("string->find(string): string", _find, by_pattern),
    overload("string->findAll(string): list(string)", _find_all, by_pattern),
    overload("string->findAll(string, int): list(string)", _find_all, by_pattern),
    overload("string->charAt(int): string", _char_at),
    overload("string->indexOf(string): int", _index_of, by_both),
    overload("string->indexOf(string, int): int", _index_of, by_both),
    overload("string->lastIndexOf(string): int", _last_index_of, by_both),
    overload("string->lastIndexOf(string, int): int", _last_index_of, by_both),
    overload("string->lowerAscii(): string", _ascii(False), by_length),
    overload("string->upperAscii(): string", _ascii(True), by_length),
    overload("string->replace(string, string): string", _replace, by_both),
    overload("string->replace(string, string, int): string", _replace, by_both),
    overload("string->split(string): list(string)", _split, by_length),
    overload("string->split(string, int): list(string)", _split, by_length),
    overload("string->substring(int): string", _substring, by_length),
    overload("string->substring(int, int): string", _substring, by_length),
    overload("string->trim(): string", str.strip, by_length),
    overload("string->reverse(): string", lambda text: text[::-1], by_length),
    overload("string->format(list(A)): string", format_text, by_sum),
    overload("list(string)->join(): string", lambda parts: "".join(parts), by_sum),
    overload("list(string)->join(string): string", lambda parts, between: between.join(parts), by_sum),
    overload("strings.quote(string): string", _quote, by_length),
    overload("base64.encode(bytes): string", lambda value: base64.b64encode(value).decode(), by_length),
    overload("base64.decode(string): bytes", _decoded, by_length),
    overload("math.abs(int): int", abs),
    overload("math.abs(double): double", abs),
    overload("math.abs(uint): uint", UInt),
)
