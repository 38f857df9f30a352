"""A store that does not answer, as clients are told: a refusal that says when to come again, or that nobody knows."""

from __future__ import annotations

from kube.errors import ApiError
from master.store.contract import CannotWriteError, OutcomeUnknownError, StoreUnavailableError

RETRY_SECONDS = 1
UNANSWERED = (StoreUnavailableError, OutcomeUnknownError)


def unanswered(error: Exception, doing: str) -> ApiError:
    """Of one of `UNANSWERED`: 503 where nothing was done; 504, as upstream, where it may have been.

    507 where the disk takes nothing: clients are not told to try again by themselves, people are told why.
    """
    if isinstance(error, CannotWriteError):
        return ApiError(507, "InsufficientStorage", f"the store cannot {doing}: {error}")
    if isinstance(error, StoreUnavailableError):
        said = f"the store cannot {doing}: {error}"
        return ApiError(503, "ServiceUnavailable", said, details={"retryAfterSeconds": RETRY_SECONDS})
    said = f"Timeout: request did not complete within the allotted duration: {error}"
    return ApiError(504, "Timeout", said, details={})
