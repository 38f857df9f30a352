"""What a txn does: revisions, compares, branches, what is refused."""

from __future__ import annotations

import pytest

from master.store.contract import (
    Compare,
    DeleteRange,
    DeleteResult,
    FutureRevisionError,
    InvalidTxnError,
    KeyValue,
    LeaseNotFoundError,
    MissingKeyError,
    Put,
    PutResult,
    Range,
    RangeResult,
    Store,
    Target,
    Txn,
    TxnResult,
)


async def put(store: Store, key: bytes, value: bytes = b"v") -> int:
    return (await store.txn(Txn((), [Put(key, value)]))).revision


async def get(store: Store, key: bytes, revision: int = 0) -> KeyValue | None:
    return next(iter((await store.range(Range(key, revision=revision))).kvs), None)


async def test_fresh_store_is_at_revision_1(store: Store) -> None:
    assert store.revision == 1
    assert await store.range(Range(b"a", b"\0")) == RangeResult([], False, 0, 1)


async def test_each_write_is_one_revision(store: Store) -> None:
    assert [await put(store, b"a"), await put(store, b"b"), await put(store, b"a", b"w")] == [2, 3, 4]
    assert await get(store, b"a") == KeyValue(b"a", b"w", 2, 4, 2)
    assert await get(store, b"b") == KeyValue(b"b", b"v", 3, 3, 1)


async def test_writes_of_one_txn_share_a_revision(store: Store) -> None:
    result = await store.txn(Txn((), [Put(b"a", b"1"), Put(b"b", b"2"), Range(b"a", b"c")]))
    assert result.revision == store.revision == 2
    read = result.results[2]
    assert isinstance(read, RangeResult)
    assert [(kv.key, kv.mod_revision) for kv in read.kvs] == [(b"a", 2), (b"b", 2)]


async def test_key_made_again_starts_over(store: Store) -> None:
    await put(store, b"a")
    await store.txn(Txn((), [DeleteRange(b"a")]))
    await put(store, b"a", b"new")
    assert await get(store, b"a") == KeyValue(b"a", b"new", 4, 4, 1)
    assert await get(store, b"a", revision=3) is None
    assert await get(store, b"a", revision=2) == KeyValue(b"a", b"v", 2, 2, 1)


async def test_deleting_nothing_is_no_revision(store: Store) -> None:
    result = await store.txn(Txn((), [DeleteRange(b"a", b"\0")]))
    assert (result.revision, result.results) == (1, [DeleteResult(0, [])])


async def test_previous_states_come_when_asked(store: Store) -> None:
    await put(store, b"a", b"1")
    changed = await store.txn(Txn((), [Put(b"a", b"2", prev_kv=True)]))
    assert changed.results == [PutResult(KeyValue(b"a", b"1", 2, 2, 1))]
    deleted = await store.txn(Txn((), [DeleteRange(b"a", prev_kv=True)]))
    assert deleted.results == [DeleteResult(1, [KeyValue(b"a", b"2", 2, 3, 2)])]


COMPARES = [
    (Compare(b"a", Target.MOD, "=", 3), True),
    (Compare(b"a", Target.MOD, "<", 3), False),
    (Compare(b"a", Target.CREATE, "=", 2), True),
    (Compare(b"a", Target.VERSION, ">", 1), True),
    (Compare(b"a", Target.VALUE, "=", b"2"), True),
    (Compare(b"a", Target.VALUE, "!=", b"2"), False),
    (Compare(b"a", Target.VALUE, ">", b"1"), True),
    (Compare(b"a", Target.LEASE, "=", 0), True),
    (Compare(b"none", Target.MOD, "=", 0), True),
    (Compare(b"none", Target.VALUE, "!=", b"x"), False),
    (Compare(b"a", Target.VERSION, ">", 0, end=b"c"), True),
    (Compare(b"a", Target.VERSION, "=", 2, end=b"c"), False),
    (Compare(b"x", Target.MOD, "=", 0, end=b"z"), True),
]


@pytest.mark.parametrize(("compare", "holds"), COMPARES, ids=lambda value: str(value))
async def test_compare(store: Store, compare: Compare, holds: bool) -> None:
    for key, value in ((b"a", b"1"), (b"a", b"2"), (b"b", b"1")):
        await put(store, key, value)
    result = await store.txn(Txn([compare], [Range(b"a")], [Range(b"b")]))
    assert result.succeeded is holds
    (read,) = result.results
    assert isinstance(read, RangeResult)
    assert read.kvs[0].key == (b"a" if holds else b"b")


async def test_nested_txn_compares_before_and_reads_after_the_first_writes(store: Store) -> None:
    inner = Txn([Compare(b"a", Target.VERSION, "=", 0)], [Put(b"b", b"yes"), Range(b"a")], [Put(b"b", b"no")])
    result = await store.txn(Txn((), [Put(b"a", b"1"), inner]))
    assert result.revision == 2
    assert await get(store, b"b") == KeyValue(b"b", b"yes", 2, 2, 1)
    nested = result.results[1]
    assert isinstance(nested, TxnResult)
    assert nested.results[1] == RangeResult([KeyValue(b"a", b"1", 2, 2, 1)], False, 1, 2)


REFUSED = {
    "two puts of a key": (Txn((), [Put(b"a", b"1"), Put(b"a", b"2")]), InvalidTxnError),
    "put and delete of a key": (Txn((), [DeleteRange(b"a", b"c"), Put(b"b", b"2")]), InvalidTxnError),
    "a key twice through nesting": (Txn((), [Put(b"a", b"1"), Txn((), [], [Put(b"a", b"2")])]), InvalidTxnError),
    "a key twice in a nested txn": (Txn((), [Txn((), [DeleteRange(b"a", b"c"), Put(b"b", b"1")])]), InvalidTxnError),
    "value kept of no key": (Txn((), [Put(b"b", b"1"), Put(b"a", b"", ignore_value=True)]), MissingKeyError),
    "lease that is not": (Txn((), [Put(b"a", b"1"), Put(b"b", b"1", lease=7)]), LeaseNotFoundError),
    "read in the future": (Txn((), [Put(b"a", b"1"), Range(b"a", revision=9)]), FutureRevisionError),
}


@pytest.mark.parametrize(("txn", "error"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused_txn_changes_nothing(store: Store, txn: Txn, error: type[Exception]) -> None:
    with pytest.raises(error):
        await store.txn(txn)
    assert store.revision == 1
    assert (await store.range(Range(b"a", b"\0"))).kvs == []
    assert await put(store, b"b") == 2


async def test_two_deletes_of_a_key_count_once(store: Store) -> None:
    await put(store, b"a")
    result = await store.txn(Txn((), [DeleteRange(b"a"), DeleteRange(b"a", b"c")]))
    assert result.results == [DeleteResult(1, []), DeleteResult(0, [])]
