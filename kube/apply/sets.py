"""Sets of field paths in the form the API writes them (FieldsV1), and their algebra.

A set is a tree of dicts: `{"f:spec": {"f:replicas": {}, "f:ports": {".": {}, "k:{...}": {...}}}}`.  The path to a node is a
member of the set when the node is empty or holds ".".  Trees are never changed in place, so that they may share branches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

Node = dict[str, Any]
SELF = "."
LEAF: Node = {}
_MEMBER: Node = {SELF: LEAF}


def is_member(node: Node) -> bool:
    return not node or SELF in node


def is_sound(node: Any) -> bool:
    """True for a tree that a client wrote as the API would."""
    return isinstance(node, dict) and all(_is_element(key) and is_sound(child) for key, child in node.items())


def _is_element(key: str) -> bool:
    form, _, name = key.partition(":")
    if form in ("k", "v"):
        try:
            return isinstance(orjson.loads(name), dict) or form == "v"
        except orjson.JSONDecodeError:
            return False
    return key == SELF or form == "f" or (form == "i" and name.isdecimal())


def union(one: Node, other: Node) -> Node:
    """Two nodes of the same path; also right for two whole sets, where an empty one is no member but nothing."""
    if one is other or not other:
        return one if other or not one or SELF in one else one | _MEMBER
    if not one:
        return other if SELF in other else other | _MEMBER
    joined = dict(one)
    for key, node in other.items():
        joined[key] = _joined(joined[key], node) if key in joined else node
    return joined


def _joined(one: Node, other: Node) -> Node:
    return one if one == other else union(one, other)


def union_of(sets: Iterable[Node]) -> Node:
    """The union of whole sets."""
    joined: Node = {}
    for one in sets:
        if one:
            joined = union(joined, one) if joined else one
    return joined


def difference(one: Node, other: Node) -> Node:
    """The members of one set that are not of the other."""
    common = [key for key in other if key in one and key != SELF]
    if not common:
        return one
    rest = dict(one)
    for key in common:
        node = _node_difference(one[key], other[key])
        if node is None:
            del rest[key]
        else:
            rest[key] = node
    return rest


def _node_difference(one: Node, other: Node) -> Node | None:
    """What is left of a node without another of the same path; None when nothing is."""
    children = difference({key: node for key, node in one.items() if key != SELF}, other)
    if is_member(one) and not is_member(other):
        return children | _MEMBER if children else LEAF
    return children or None


def intersection(one: Node, other: Node) -> Node:
    """The members that both sets have."""
    common: Node = {}
    for key in one.keys() & other.keys() - {SELF}:
        a, b = one[key], other[key]
        children = intersection(a, b)
        if is_member(a) and is_member(b):
            common[key] = children | _MEMBER if children else LEAF
        elif children:
            common[key] = children
    return common


def paths(node: Node, prefix: str = "") -> list[str]:
    """Every member as people read it, sorted: `.spec.containers[name="a"].image`."""
    found: list[str] = []
    for key, child in sorted(node.items()):
        if key != SELF:
            place = prefix + _text(key)
            if is_member(child):
                found.append(place)
            found += paths(child, place)
    return found


def _text(element: str) -> str:
    form, _, name = element.partition(":")
    if form == "f":
        return f".{name}"
    if form == "k":
        pairs: dict[str, Any] = orjson.loads(name)
        return "[" + ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in pairs.items()) + "]"
    return f"[={name}]" if form == "v" else f"[{name}]"
