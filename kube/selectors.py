"""Selectors: which objects a list, a watch or a controller means, by labels or by fields.

`parse_labels` reads the query language (`a=b,c in (d,e),!f,g>5`), `from_object` a LabelSelector as it stands in a spec;
both give a `LabelSelector` whose `matches` is all most callers need.  What cannot be read raises `ApiError` 400.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from kube import names
from kube.errors import ApiError, bad_request

IN, NOT_IN, EXISTS, NOT_EXISTS, GREATER, LESS = "in", "notin", "exists", "!", "gt", "lt"

_TOKEN = re.compile(r"[ \t\r\n]*(!=|==|=|[(),!<>]|[^(),!=<> \t\r\n]+|$)")
_OPERATORS = {"=": IN, "==": IN, "in": IN, "!=": NOT_IN, "notin": NOT_IN, ">": GREATER, "<": LESS}
_MARKS = frozenset(["!=", "==", "=", "(", ")", "!", "<", ">", ",", ""])
_EXPECTED_OPERATOR = "in, notin, =, ==, !=, gt, lt"
_IN_OBJECTS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": NOT_EXISTS, "Gt": GREATER, "Lt": LESS}
_INT64 = 2**63
# What a field's value may hold: escaped signs, or anything that is no sign.
_PLAIN = re.compile(r"(?:\\[\\,=]|[^\\,=])*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; `operator` is one of this module's constants."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        if self.operator == IN:
            return value is not None and value in self.values
        if self.operator == NOT_IN:
            return value is None or value not in self.values
        if self.operator == EXISTS:
            return value is not None
        if self.operator == NOT_EXISTS:
            return value is None
        return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        number = _integer(value) if value is not None else None
        bound = _integer(next(iter(self.values), ""))
        if number is None or bound is None:
            return False
        return number > bound if self.operator == GREATER else number < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold; none at all selects everything, `nothing` selects nothing."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    @property
    def everything(self) -> bool:
        return not self.requirements and not self.nothing


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


class FieldTerm(NamedTuple):
    """One condition of a field selector; `op` is `=` or `!=`."""

    field: str
    op: str
    value: str

    def matches(self, value: str) -> bool:
        return (value == self.value) == (self.op == "=")


@lru_cache(maxsize=512)
def parse_labels(text: str) -> LabelSelector:
    """The selector of a `labelSelector` query; ApiError 400 in upstream's words."""
    parser = _Parser(_TOKEN.findall(text))
    try:
        return LabelSelector(tuple(parser.requirements()))
    except ValueError as error:
        raise bad_request(str(error)) from error


def parse_fields(text: str) -> list[FieldTerm]:
    """The terms of a `fieldSelector` query; which fields a kind has is the registry's to say."""
    return [_field_term(part, text) for part in _split_fields(text) if part]


def from_object(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A LabelSelector object (`matchLabels`, `matchExpressions`); None selects nothing, `{}` everything."""
    if selector is None:
        return NOTHING
    requirements = [
        Requirement(key, IN, frozenset((value,))) for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or []:
        operator = _IN_OBJECTS.get(expression.get("operator", ""))
        if operator is None:
            raise bad_request(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        requirements.append(_requirement(expression, operator))
    return LabelSelector(tuple(requirements))


def from_labels(labels: Mapping[str, str] | None) -> LabelSelector:
    """The plain map form, as Services and ReplicationControllers have it; empty selects nothing."""
    if not labels:
        return NOTHING
    return LabelSelector(tuple(Requirement(key, IN, frozenset((value,))) for key, value in labels.items()))


def label_text(selector: LabelSelector) -> str:
    """The query text of a selector, sorted as upstream prints it."""
    ordered = sorted(selector.requirements, key=lambda requirement: requirement.key)
    return ",".join(_requirement_text(requirement) for requirement in ordered)


def _requirement(expression: Mapping[str, Any], operator: str) -> Requirement:
    return Requirement(expression.get("key", ""), operator, frozenset(expression.get("values") or ()))


def _requirement_text(requirement: Requirement) -> str:
    key, operator, values = requirement.key, requirement.operator, sorted(requirement.values)
    if operator == EXISTS:
        return key
    if operator == NOT_EXISTS:
        return "!" + key
    if operator in (GREATER, LESS):
        return f"{key}{'>' if operator == GREATER else '<'}{values[0]}"
    if len(values) == 1:
        return f"{key}{'=' if operator == IN else '!='}{values[0]}"
    return f"{key} {operator} ({','.join(values)})"


def _integer(text: str) -> int | None:
    """A 64-bit integer as Go reads it, None for anything else."""
    if not re.fullmatch(r"[+-]?[0-9]+", text) or len(text) > 20:
        return None
    number = int(text)
    return number if -_INT64 <= number < _INT64 else None


class _Parser:
    """Recursive descent over the tokens of a label query; raises ValueError with what it found and expected."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = list(tokens) or [""]
        self._at = 0

    def requirements(self) -> Iterable[Requirement]:
        while self._peek():
            if self._peek() in _MARKS and self._peek() != "!":
                raise ValueError(f"found '{self._peek()}', expected: !, identifier, or 'end of string'")
            try:
                yield self._requirement()
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from error
            self._separator()

    def _separator(self) -> None:
        token = self._next()
        if token not in ("", ","):
            raise ValueError(f"found '{token}', expected: ',' or 'end of string'")
        following = self._peek()
        if token == "," and following in _MARKS and following != "!":
            raise ValueError(f"found '{following}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        negated = self._accept("!")
        key = self._identifier()
        _check_key(key)
        if negated:
            return Requirement(key, NOT_EXISTS)
        if self._peek() in ("", ","):
            return Requirement(key, EXISTS)
        sign = self._next()
        if sign not in _OPERATORS:
            raise ValueError(f"found '{sign}', expected: {_EXPECTED_OPERATOR}")
        operator = _OPERATORS[sign]
        values = self._values(operator) if sign in ("in", "notin") else {self._single()}
        _check_values(key, operator, values)
        return Requirement(key, operator, frozenset(values))

    def _single(self) -> str:
        return "" if self._peek() in ("", ",") else self._identifier()

    def _values(self, operator: str) -> set[str]:
        if self._peek() != "(":
            raise ValueError(f"found '{self._peek()}' expected: '('")
        self._next()
        if self._accept(")"):
            raise ValueError("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
        values: set[str] = set()
        while True:
            values.add("" if self._peek() in (",", ")") else self._list_item())
            token = self._next()
            if token == ")":
                return values
            if token != ",":
                raise ValueError(f"found '{token}', expected: ',' or ')'")

    def _list_item(self) -> str:
        token = self._next()
        if token in _MARKS:
            raise ValueError(f"found '{token}', expected: ',', ')' or identifier")
        return token

    def _identifier(self) -> str:
        token = self._next()
        if token in _MARKS:
            raise ValueError(f"found '{token}', expected: identifier")
        return token

    def _peek(self) -> str:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True


def _check_key(key: str) -> None:
    complaints = names.qualified_name(key)
    if complaints:
        raise ValueError(f'<nil>: Invalid value: "{key}": {"; ".join(complaints)}')


def _check_values(key: str, operator: str, values: set[str]) -> None:
    for value in sorted(values):
        if operator in (GREATER, LESS) and _integer(value) is None:
            raise ValueError(
                f"values[0]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        complaints = names.label_value(value)
        if complaints:
            raise ValueError(f'values[0][{key}]: Invalid value: "{value}": {"; ".join(complaints)}')


def _split_fields(text: str) -> list[str]:
    """The terms between commas that no backslash escapes."""
    return re.findall(r"(?:^|,)((?:\\.|[^,\\]|\\$)*)", text, re.DOTALL)


def _field_term(part: str, text: str) -> FieldTerm:
    match = re.match(r"((?:\\.|[^\\=!]|!(?!=))*)(!=|==|=)(.*)", part, re.DOTALL)
    if not match:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
    field, sign, value = match.groups()
    return FieldTerm(field, "!=" if sign == "!=" else "=", _unescape(value))


def _unescape(value: str) -> str:
    end = _PLAIN.match(value).end()  # type: ignore[union-attr]  # it matches the empty text too
    if end == len(value):
        return re.sub(r"\\(.)", r"\1", value)
    if value[end] == "\\":
        raise _field_error(f"invalid escape sequence: {value[end : end + 2]}")
    raise _field_error(f"unescaped character in value: {value[end]}")


def _field_error(message: str) -> ApiError:
    return bad_request(f"invalid field selector: {message}")
