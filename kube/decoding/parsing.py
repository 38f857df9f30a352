"""Reads JSON and YAML texts into plain values, whatever they contain; what is no text of the language raises ValueError.

orjson reads what is well formed.  What it refuses is read again leniently, as Go's decoder would (invalid UTF-8 becomes
U+FFFD), or refused in Go's words.  Every value answered can be written as JSON again.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import yaml

TOO_DEEP = "exceeded max depth"
# orjson writes up to 254 levels, though it reads more.
WRITABLE_DEPTH = 250
# How many values a YAML text may unfold to through its aliases.
YAML_VALUES = 200_000

_COMPLAINTS = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
}


def parse_json(body: bytes) -> Any:
    """The value of a JSON text."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _lenient(body)
    if body.count(b"{") + body.count(b"[") > WRITABLE_DEPTH:
        check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """ValueError when a value is nested deeper than it could be written again."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(TOO_DEEP) from error


def parse_yaml(body: bytes) -> Any:
    """The value of a YAML text, as its JSON: timestamps stay text, keys become text."""
    text = body.decode("utf-8", "replace")
    try:
        _check_nesting(text)
        value = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"yaml: {_yaml_complaint(error)}") from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise ValueError("yaml: " + (TOO_DEEP if isinstance(error, RecursionError) else str(error))) from error
    return _plain(value)


def _check_nesting(text: str) -> None:
    """ValueError for what is nested too deep: libyaml's composer is recursive, and would take the process with it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > WRITABLE_DEPTH:
            raise ValueError(TOO_DEEP)


def duplicate_yaml_keys(body: bytes) -> list[str]:
    """`line 3: key "a" already set in map`, for every key said twice."""
    root = yaml.compose(body.decode("utf-8", "replace"), Loader=_Loader)
    return _repeated(root, set()) if root else []


def _lenient(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise ValueError(_complaint(error, text)) from error
    return _writable(value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name.lstrip('-')[0]}' looking for beginning of value")


def _whole(text: str) -> int | float:
    """Python makes no number of thousands of digits; upstream makes a float of them, which is beyond all bounds."""
    return int(text) if len(text) < 400 else _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return number


def _complaint(error: json.JSONDecodeError, text: str) -> str:
    end = len(text.rstrip())
    if error.pos >= end or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    return f"invalid character {_quoted(text[error.pos])} {_COMPLAINTS.get(error.msg, error.msg)}"


def _quoted(character: str) -> str:
    return {"'": r"'\''", "\n": r"'\n'", "\t": r"'\t'"}.get(character) or f"'{character}'"


def _writable(value: Any) -> Any:
    """Replaces what JSON cannot carry back: lone surrogates, and numbers beyond any width."""
    text = json.dumps(value, ensure_ascii=False)
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        return orjson.loads(clean.encode())
    except orjson.JSONDecodeError as error:
        raise ValueError(TOO_DEEP) from error


class _Loader(yaml.CSafeLoader):
    """YAML as JSON sees it: without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = yaml.CSafeLoader.yaml_constructors | {
    "tag:yaml.org,2002:timestamp": yaml.CSafeLoader.construct_yaml_str
}


def _yaml_complaint(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else problem


def _plain(value: Any) -> Any:
    """The value with text keys, refused when aliases unfold it beyond measure."""
    left = YAML_VALUES

    def walk(node: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > WRITABLE_DEPTH:
            raise ValueError("yaml: document contains excessive aliasing" if left < 0 else f"yaml: {TOO_DEEP}")
        if isinstance(node, dict):
            return {_key(key): walk(item, depth + 1) for key, item in node.items()}
        if isinstance(node, list):
            return [walk(item, depth + 1) for item in node]
        return _leaf(node)

    return walk(value, 0)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise ValueError(f"yaml: unsupported map key of type: {type(key).__name__}")


def _leaf(node: Any) -> Any:
    if node is None or isinstance(node, str | bool):
        return node
    if isinstance(node, int) and -(2**63) <= node < 2**64:
        return node
    if isinstance(node, int | float):
        number = float(node)
        if math.isfinite(number):
            return number
    raise ValueError(f"yaml: unsupported value: {node!r}"[:200])


def _repeated(node: yaml.Node, seen: set[int]) -> list[str]:
    if id(node) in seen:
        return []
    seen.add(id(node))
    found: list[str] = []
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            found += _repeated(item, seen)
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, item in node.value:
            if isinstance(key.value, str) and key.value in keys:
                found.append(f'line {key.start_mark.line + 1}: key "{key.value}" already set in map')
            elif isinstance(key.value, str):
                keys.add(key.value)
            found += _repeated(item, seen)
    return found
