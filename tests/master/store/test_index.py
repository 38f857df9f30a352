"""The index of versions: what is seen at a revision, taken back, dropped."""

from __future__ import annotations

import pytest

from master.store.index import Index, Version, row_of
from master.store.spans import span

EVERYTHING = span(b"a", b"\0")


def put(revision: int, created: int, version: int) -> Version:
    return Version(row_of(revision, 0), created, version, 0)


def tombstone(revision: int) -> Version:
    return Version(row_of(revision, 0), 0, 0, 0)


@pytest.fixture
def index() -> Index:
    """a: put at 2 and 3, deleted at 4, put again at 6; b: put at 5."""
    index = Index()
    index.append(b"a", put(2, 2, 1))
    index.append(b"a", put(3, 2, 2))
    index.append(b"a", tombstone(4))
    index.append(b"b", put(5, 5, 1))
    index.append(b"a", put(6, 6, 1))
    return index


def keys(index: Index, revision: int) -> list[bytes]:
    return [key for key, _ in index.within(EVERYTHING, revision)]


@pytest.mark.parametrize(
    ("revision", "expected"), [(1, []), (2, [b"a"]), (3, [b"a"]), (4, []), (5, [b"b"]), (6, [b"a", b"b"])]
)
def test_keys_at_a_revision(index: Index, revision: int, expected: list[bytes]) -> None:
    assert keys(index, revision) == expected


def test_taking_back_leaves_no_trace(index: Index) -> None:
    index.take_back(b"a")
    index.take_back(b"b")
    index.take_back(b"a")
    assert keys(index, 9) == [b"a"]
    assert index.compact(9) == [row_of(2, 0)]


@pytest.mark.parametrize(
    ("revision", "rows"),
    [(2, []), (3, [2]), (4, [2, 3]), (5, [2, 3, 4]), (6, [2, 3, 4])],
    ids=lambda value: str(value),
)
def test_compaction_drops_what_was_replaced(index: Index, revision: int, rows: list[int]) -> None:
    assert index.compact(revision) == [row_of(row, 0) for row in rows]
    assert keys(index, 6) == [b"a", b"b"]


def test_key_that_stays_deleted_is_forgotten() -> None:
    index = Index()
    index.append(b"a", put(2, 2, 1))
    index.append(b"a", tombstone(3))
    assert index.compact(3) == [row_of(2, 0)]
    assert index.before(b"a", row_of(9, 0)) is None
    assert index.compact(4) == [row_of(3, 0)]
    assert index.before(b"a", row_of(9, 0)) is None


def test_what_a_version_replaced(index: Index) -> None:
    assert index.before(b"a", row_of(3, 0)) == put(2, 2, 1)
    assert index.before(b"a", row_of(6, 0)) is None
    assert index.before(b"a", row_of(2, 0)) is None
