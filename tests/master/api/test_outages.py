"""What clients are told when the store does not do what they ask."""

import pytest

from master.api.outages import unanswered
from master.store.contract import CannotWriteError, OutcomeUnknownError, StoreUnavailableError

TOLD = {
    "no quorum": (StoreUnavailableError("no leader"), 503, "ServiceUnavailable", {"retryAfterSeconds": 1}),
    "full disk": (CannotWriteError("store /s: database or disk is full"), 507, "InsufficientStorage", {}),
    "broken off": (OutcomeUnknownError("gone"), 504, "Timeout", {}),
}


@pytest.mark.parametrize(("error", "status", "reason", "details"), TOLD.values(), ids=TOLD.keys())
def test_told(error: Exception, status: int, reason: str, details: dict[str, int]) -> None:
    told = unanswered(error, "write")
    assert (told.status, told.reason, told.details) == (status, reason, details)
    assert str(error) in told.message
