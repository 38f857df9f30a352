"""Random histories against a model small enough to be seen right: whole states, one a revision."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from master.store.contract import (
    CompactedError,
    Compare,
    DeleteRange,
    Event,
    EventType,
    KeyValue,
    Put,
    Range,
    Target,
    Txn,
)
from master.store.engine import LogStore
from master.store.memory import MemoryStore
from master.store.sqlite import SqliteStore

KEYS = [b"a", b"a/1", b"a/2", b"b", b"b\0", b"c"]
EVERYTHING = (b"\0", b"\0")


@dataclass
class Model:
    """`states[revision]` is all keys then, `events[revision]` what led there."""

    states: dict[int, dict[bytes, KeyValue]] = field(default_factory=lambda: {1: {}})
    events: dict[int, list[Event]] = field(default_factory=dict)
    compacted: int = 0

    @property
    def revision(self) -> int:
        return max(self.states)

    def apply(self, txn: Txn) -> None:
        state, revision, events = dict(self.states[self.revision]), self.revision + 1, []
        (compare,) = txn.compares
        holds = (kv.mod_revision if (kv := state.get(compare.key)) else 0) == compare.operand
        for operation in txn.then if holds else txn.orelse:
            if isinstance(operation, Put):
                old = state.get(operation.key)
                created, version = (old.create_revision, old.version + 1) if old else (revision, 1)
                new = KeyValue(operation.key, operation.value, created, revision, version)
                state[operation.key] = new
                events.append(Event(EventType.PUT, new, old))
            elif isinstance(operation, DeleteRange):
                for key in self.select(state, operation.key, operation.end):
                    events.append(Event(EventType.DELETE, KeyValue(key, b"", 0, revision, 0), state.pop(key)))
        if events:
            self.states[revision], self.events[revision] = state, events

    def select(self, state: dict[bytes, KeyValue], key: bytes, end: bytes | None) -> list[bytes]:
        if end is None:
            return [key] if key in state else []
        return sorted(k for k in state if k >= key and (end == b"\0" or k < end))

    def seen_from(self, first: int) -> list[tuple[int, list[Event]]]:
        return [(revision, events) for revision, events in sorted(self.events.items()) if revision >= first]


@dataclass(frozen=True)
class Compact:
    back: int


@dataclass(frozen=True)
class Reopen:
    """Nothing for a store in memory."""


keys = st.sampled_from(KEYS)
ends = st.sampled_from([None, None, b"\0", *KEYS])
values = st.binary(max_size=3)
puts = st.builds(Put, keys, values)
deletes = st.builds(DeleteRange, keys, ends)
branches = st.one_of(st.lists(puts, max_size=3, unique_by=lambda put: put.key), st.lists(deletes, max_size=2))


@st.composite
def txns(draw: st.DrawFn) -> Txn:
    compare = Compare(draw(keys), Target.MOD, "=", draw(st.integers(0, 12)))
    return Txn([compare], draw(branches), draw(branches))


groups = st.lists(txns(), min_size=1, max_size=6)
histories = st.lists(st.one_of(groups, groups, st.builds(Compact, st.integers(0, 3)), st.builds(Reopen)), max_size=8)


class History:
    """Plays steps on a store and on the model, and holds the one against the other."""

    def __init__(self, backend: str, folder: Path) -> None:
        self._path = folder / "store.db"
        self._backend = backend
        self._model = Model()
        self._store = self._open()

    def _open(self) -> LogStore:
        return MemoryStore() if self._backend == "memory" else SqliteStore.open(self._path)

    async def play(self, steps: list[list[Txn] | Compact | Reopen]) -> None:
        watch = await self._store.watch(*EVERYTHING, 1)
        seen: list[tuple[int, list[Event]]] = []
        for step in steps:
            match step:
                case Compact(back):
                    await self._compact(self._model.revision - back)
                case Reopen():
                    if self._backend == "sqlite":
                        seen += [await anext(watch) for _ in range(len(self._model.events) - len(seen))]
                        await self._store.close()
                        self._store = self._open()
                        watch = await self._store.watch(*EVERYTHING, self._model.revision + 1)
                case _:
                    await asyncio.gather(*(self._store.txn(txn) for txn in step))
                    for txn in step:
                        self._model.apply(txn)
                    seen += [await anext(watch) for _ in range(len(self._model.events) - len(seen))]
            await self._check_states()
        assert seen == self._model.seen_from(1)
        await self._check_watches()
        await self._store.close()

    async def _compact(self, revision: int) -> None:
        if revision > self._model.compacted:
            await self._store.compact(revision)
            self._model.compacted = revision

    async def _check_states(self) -> None:
        model = self._model
        assert self._store.revision == model.revision
        for revision, state in model.states.items():
            if revision < model.compacted:
                with pytest.raises(CompactedError):
                    await self._store.range(Range(*EVERYTHING, revision=revision))
                continue
            for key, end in ((b"\0", b"\0"), (b"a", b"b"), (b"b", None)):
                found = await self._store.range(Range(key, end, revision=revision))
                assert found.kvs == [state[k] for k in model.select(state, key, end)]
                cut = await self._store.range(Range(key, end, limit=1, revision=revision))
                assert (cut.kvs, cut.more, cut.count) == (found.kvs[:1], len(found.kvs) > 1, len(found.kvs))

    async def _check_watches(self) -> None:
        """From every retained revision; what compaction dropped may miss as a previous state, and only that."""
        model = self._model
        for first in range(max(1, model.compacted), model.revision + 1):
            expected = model.seen_from(first)
            watch = await self._store.watch(*EVERYTHING, first)
            found = [await anext(watch) for _ in expected]
            assert [(r, [(e.type, e.kv) for e in events]) for r, events in found] == [
                (r, [(e.type, e.kv) for e in events]) for r, events in expected
            ]
            if first > model.compacted:
                assert found == expected
            await watch.close()


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=histories)
def test_store_does_what_the_model_does(backend: str, steps: list[list[Txn] | Compact | Reopen]) -> None:
    async def play(folder: str) -> None:
        await asyncio.wait_for(History(backend, Path(folder)).play(steps), 20)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(folder))
