"""The past as watches read it: whole revisions from the log, a slice at a time."""

from __future__ import annotations

from itertools import groupby

from master.store.contract import CompactedError
from master.store.index import revision_of, row_of
from master.store.keyspace import Keyspace
from master.store.log import Log, Row
from master.store.spans import Span
from master.store.watching import Slice

SLICE_ROWS = 500


def read_history(keyspace: Keyspace, log: Log, wanted: Span, first: int) -> Slice:
    """Changes of the `wanted` keys from revision `first` on; raises CompactedError and DamagedError."""
    if first < keyspace.compact_revision:
        raise CompactedError(keyspace.compact_revision)
    with log.snapshot():
        rows, after = _whole_revisions(log, first, keyspace.revision)
        chosen = (row for row in rows if wanted.holds(row.key))
        entries = [
            (revision, [row.event(keyspace.before(row)) for row in group])
            for revision, group in groupby(chosen, key=lambda row: revision_of(row.number))
        ]
    return Slice(entries, after)


def _whole_revisions(log: Log, first: int, last: int) -> tuple[list[Row], int]:
    """About `SLICE_ROWS` rows, more only where one revision has more; and the first revision after them."""
    limit = SLICE_ROWS
    while True:
        rows = log.rows(row_of(first, 0), row_of(last + 1, 0), limit)
        if len(rows) < limit:
            return rows, last + 1
        cut = revision_of(rows[-1].number)
        if cut > first:
            return [row for row in rows if revision_of(row.number) < cut], cut
        limit *= 4
