"""A txn's meaning: compares, the branch they choose, and the rows it writes, all in one revision.  Pure but for values read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from master.store.contract import (
    Compare,
    DeleteRange,
    DeleteResult,
    Event,
    EventType,
    InvalidTxnError,
    KeyValue,
    LeaseNotFoundError,
    MissingKeyError,
    Operation,
    Put,
    PutResult,
    Range,
    RangeResult,
    Target,
    Txn,
    TxnResult,
)
from master.store.index import Version, revision_of, row_of
from master.store.keyspace import Keyspace
from master.store.log import Row
from master.store.spans import Span, span

OPERATORS: dict[str, Callable[[int | bytes, int | bytes], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
FIELDS: dict[Target, Callable[[Version], int]] = {
    Target.CREATE: lambda version: version.create_revision,
    Target.MOD: lambda version: revision_of(version.row),
    Target.VERSION: lambda version: version.version,
    Target.LEASE: lambda version: version.lease,
}
ABSENT = Version(0, 0, 0, 0)
Result = RangeResult | PutResult | DeleteResult | TxnResult


@dataclass(frozen=True, slots=True)
class Outcome:
    """A txn's answer, and what it changed: `rows` for the log and `events` for the watchers, one for one."""

    result: TxnResult
    rows: list[Row]
    events: list[Event]


def evaluate(keyspace: Keyspace, txn: Txn, leases: Container[int]) -> Outcome:
    """Stages the txn's writes in `keyspace`; on an error nothing stays staged.

    Raises InvalidTxnError, MissingKeyError, LeaseNotFoundError, CompactedError, FutureRevisionError, DamagedError.
    """
    check_txn(txn)
    evaluation = Evaluation(keyspace, leases)
    try:
        result = evaluation.run(txn)
    except Exception:
        keyspace.unstage(evaluation.rows)
        raise
    if evaluation.rows:
        keyspace.advance()
    return Outcome(result, evaluation.rows, evaluation.events)


class Evaluation:
    def __init__(self, keyspace: Keyspace, leases: Container[int]) -> None:
        self._keyspace = keyspace
        self._leases = leases
        self._next = keyspace.head + 1
        self.rows: list[Row] = []
        self.events: list[Event] = []

    @property
    def _now(self) -> int:
        return self._next if self.rows else self._next - 1

    def run(self, txn: Txn) -> TxnResult:
        succeeded = all(self._holds(compare) for compare in txn.compares)
        results: list[Result] = []
        for operation in txn.then if succeeded else txn.orelse:
            results.append(self._apply(operation))
        return TxnResult(succeeded, self._now, results)

    def _apply(self, operation: Operation) -> Result:
        match operation:
            case Put():
                return self._put(operation)
            case Range():
                return self._keyspace.read(operation, self._now)
            case DeleteRange():
                return self._delete(operation)
            case Txn():
                return self.run(operation)

    def _holds(self, compare: Compare) -> bool:
        """Against the state before the txn, in nested txns too, as etcd does."""
        before = self._next - 1
        if compare.end is None:
            return self._matches(compare, compare.key, self._keyspace.find(compare.key, before))
        found = self._keyspace.select(Range(compare.key, compare.end), before).found
        if not found:
            return self._matches(compare, compare.key, None)
        return all(self._matches(compare, key, version) for key, version in found)

    def _matches(self, compare: Compare, key: bytes, version: Version | None) -> bool:
        """As etcd: a key that does not exist has all numbers 0, and no comparison of its value holds."""
        compared: int | bytes
        if compare.target is not Target.VALUE:
            compared = FIELDS[compare.target](version or ABSENT)
        elif version is None:
            return False
        else:
            compared = self._keyspace.kv(key, version).value
        return OPERATORS[compare.op](compared, compare.operand)

    def _put(self, put: Put) -> PutResult:
        version = self._keyspace.find(put.key, self._next)
        previous = self._keyspace.replaced(put.key, version)
        if previous is None and (put.ignore_value or put.ignore_lease):
            raise MissingKeyError(f"key {put.key!r} does not exist, so that nothing of it can be kept")
        value = previous.value if previous and put.ignore_value else put.value
        lease = previous.lease if previous and put.ignore_lease else put.lease
        if lease and lease not in self._leases:
            raise LeaseNotFoundError(f"lease {lease:x} does not exist or has expired")
        created, count = (version.create_revision, version.version) if version else (self._next, 0)
        self._stage(put.key, value, created, count + 1, lease, previous)
        return PutResult(previous if put.prev_kv else None)

    def _delete(self, delete: DeleteRange) -> DeleteResult:
        query = Range(delete.key, delete.end, keys_only=True)
        previous: list[KeyValue] = []
        deleted = self._keyspace.read(query, self._now).kvs
        for kv in deleted:
            state = self._keyspace.replaced(kv.key, self._keyspace.find(kv.key, self._next))
            self._stage(kv.key, b"", 0, 0, 0, state)
            if delete.prev_kv and state:
                previous.append(state)
        return DeleteResult(len(deleted), previous)

    def _stage(
        self, key: bytes, value: bytes, created: int, version: int, lease: int, previous: KeyValue | None
    ) -> None:
        row = Row(row_of(self._next, len(self.rows)), key, value, created, version, lease)
        self._keyspace.stage(row)
        self.rows.append(row)
        kind = EventType.PUT if version else EventType.DELETE
        self.events.append(Event(kind, KeyValue(key, value, created, self._next, version, lease), previous))


def check_txn(txn: Txn) -> None:
    """Raises InvalidTxnError where one branch could change a key twice."""
    for branch in (txn.then, txn.orelse):
        if len(branch) > 1 or any(isinstance(operation, Txn) for operation in branch):
            _check_branch(branch)


def _check_branch(operations: Sequence[Operation]) -> tuple[set[bytes], list[Span]]:
    """The keys put and spans deleted by a branch, however its nested txns turn out."""
    puts: set[bytes] = set()
    deletes: list[Span] = []
    for keys, spans in map(_changes, operations):
        twice = puts & keys
        if twice or any(held.holds(key) for held in deletes for key in keys):
            raise InvalidTxnError("duplicate key given in txn request")
        if any(held.holds(key) for held in spans for key in puts):
            raise InvalidTxnError("duplicate key given in txn request")
        puts |= keys
        deletes += spans
    return puts, deletes


def _changes(operation: Operation) -> tuple[set[bytes], list[Span]]:
    match operation:
        case Put():
            return {operation.key}, []
        case DeleteRange():
            return set(), [span(operation.key, operation.end)]
        case Txn():
            then, orelse = _check_branch(operation.then), _check_branch(operation.orelse)
            return then[0] | orelse[0], then[1] + orelse[1]
        case _:
            return set(), []


def matching(events: Sequence[Event], wanted: Span) -> Iterator[Event]:
    return (event for event in events if wanted.holds(event.kv.key))
