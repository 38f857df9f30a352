"""The algebra of field sets, against sets of plain paths."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kube.apply import sets
from kube.apply.sets import Node

Paths = set[tuple[str, ...]]
PATHS = st.sets(st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":1}']), min_size=1, max_size=3).map(tuple), max_size=6)


def tree(paths: Paths) -> Node:
    """The set of these paths, written as the API writes it."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _trimmed(root)


def _trimmed(node: Node) -> Node:
    return {} if node.keys() == {"."} else {key: _trimmed(child) for key, child in node.items()}


def members(node: Node, prefix: tuple[str, ...] = ()) -> Paths:
    found: Paths = set()
    for key, child in node.items():
        if key != ".":
            path = (*prefix, key)
            found |= members(child, path) | ({path} if sets.is_member(child) else set())
    return found


@given(PATHS, PATHS)
def test_union(one: Paths, other: Paths) -> None:
    assert members(sets.union_of([tree(one), tree(other)])) == one | other


@given(PATHS, PATHS)
def test_difference(one: Paths, other: Paths) -> None:
    assert members(sets.difference(tree(one), tree(other))) == one - other


@given(PATHS, PATHS)
def test_intersection(one: Paths, other: Paths) -> None:
    assert members(sets.intersection(tree(one), tree(other))) == one & other


@given(PATHS, PATHS)
def test_the_sets_given_are_left_as_they_were(one: Paths, other: Paths) -> None:
    a, b = tree(one), tree(other)
    sets.union_of([a, b]), sets.difference(a, b), sets.intersection(a, b)
    assert (a, b) == (tree(one), tree(other))


def test_paths_read_as_people_write_them() -> None:
    fields = {"f:spec": {"f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}}, 'v:"x"': {}}}}
    assert sets.paths(fields) == [
        ".spec.ports",
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].name',
        '.spec.ports[="x"]',
    ]
