"""The one suite of the store's contract, over a real etcd: the tests of memory and SQLite, not written again.

Left out is what only a log of our own can promise: events queued before the writer goes on, a watch ended for being slow
(etcd lets it catch up), a clock moved by hand, compaction by the number of revisions.
"""

# ruff: noqa: F401 (what is imported is collected)
from tests.master.store.test_compaction import (
    test_key_made_again_after_compaction,
    test_mark_only_moves_forward_and_not_beyond_now,
    test_reads_at_and_after_the_mark,
)
from tests.master.store.test_leases import (
    test_put_may_keep_the_lease,
    test_revoke_deletes_its_keys_in_one_revision,
    test_taken_number,
    test_unknown_lease,
)
from tests.master.store.test_txns import *  # noqa: F403
from tests.master.store.test_watches import (
    test_closed_watch_ends,
    test_closing_the_store_ends_watches_of_the_past_and_long_reads,
    test_compacted_start_is_refused,
    test_events_are_queued_before_the_writer_goes_on,
    test_events_of_a_txn_come_together,
    test_future_start_waits,
    test_large_txn_in_the_past_comes_whole,
    test_past_has_previous_states,
    test_past_then_present_without_gap_or_repeat,
)
