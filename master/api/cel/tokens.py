"""An expression's text as tokens, literals read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from master.api.cel.errors import CompileError, Problem
from master.api.cel.values import HIGHEST, LOWEST, UInt

END, LITERAL, IDENT, SIGN = "end", "literal", "ident", "sign"
WORDS = {"true": True, "false": False, "null": None}
_RESERVED = "as break const continue else for function if import let loop package namespace return var void while"
RESERVED = frozenset(re.findall("[a-z]+", _RESERVED))

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<float>(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
      | (?P<int>(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?)
      | (?P<text>(?:[bB][rR]|[rR][bB]|[rRbB])?(?:\"\"\"(?:\\.|[\s\S])*?\"\"\"|'''(?:\\.|[\s\S])*?'''
                 |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<ident>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[A-Za-z0-9_./ -]+`)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_BEGUN = re.compile(r"""[=&|][\s\S]?|"(?:\\.|[^"\\\n])*\n?|'(?:\\.|[^'\\\n])*\n?""")
"""What begins as a token and does not end as one, with the sign that spoils it."""
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))"
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    value: Any
    at: int
    said: str
    """As it stands in the text."""


def tokens(text: str) -> tuple[list[Token], list[Problem]]:
    """What could be read, and what could not, which is skipped."""
    found: list[Token] = []
    problems: list[Problem] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            unknown = _BEGUN.match(text, at)
            said = unknown.group() if unknown else text[at]
            problems.append((at, f"Syntax error: token recognition error at: '{said}'"))
            at += len(said)
            continue
        if match.lastgroup != "space":
            found.append(_token(text, match))
        at = match.end()
    found.append(Token(END, "<EOF>", len(text), "<EOF>"))
    return found, problems


def _token(text: str, match: re.Match[str]) -> Token:
    said, at = match.group(), match.start()
    match match.lastgroup:
        case "float":
            return Token(LITERAL, float(said), at, said)
        case "int":
            return Token(LITERAL, _integer(text, said, at), at, said)
        case "text":
            return Token(LITERAL, _quoted(said), at, said)
        case "ident" if said in WORDS:
            return Token(LITERAL, WORDS[said], at, said)
        case "ident":
            return Token(SIGN if said == "in" else IDENT, said, at, said)
        case "quoted":
            return Token(IDENT, said[1:-1], at, said)
    return Token(SIGN, said, at, said)


def _integer(text: str, said: str, at: int) -> int:
    digits = said.rstrip("uU")
    number = int(digits, 16 if digits[:2] == "0x" else 10)
    if digits != said:
        return UInt(number)
    if not LOWEST <= number <= HIGHEST + 1:
        raise CompileError(text, at, "invalid int literal")
    return number


def _quoted(said: str) -> str | bytes:
    """The value of a literal with its prefix and quotes."""
    start = min(said.index(sign) for sign in "\"'" if sign in said)
    prefix, body = said[:start].lower(), said[start:]
    width = 3 if body[:3] in ('"""', "'''") and len(body) >= 6 else 1
    inner = body[width:-width]
    if "r" not in prefix:
        inner = _ESCAPE.sub(_unescaped, inner)
    return inner.encode("latin-1" if all(ord(sign) < 256 for sign in inner) else "utf-8") if "b" in prefix else inner


def _unescaped(match: re.Match[str]) -> str:
    *hexadecimal, octal, sign = match.groups()
    for digits in hexadecimal:
        if digits:
            return chr(int(digits, 16))
    return chr(int(octal, 8)) if octal else _ESCAPES.get(sign, sign)
