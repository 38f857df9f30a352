"""Lists: which entries a list answers with, as of which revision, and where the next page goes on.

A list without resourceVersion is as fresh as the store; a page after the first is read at the first one's revision,
from memory while nothing has changed since, else from the store's past.  A past that is compacted is 410 Expired.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from kube.errors import ApiError, bad_request, gone
from kube.kinds import Kind
from master.api.cache import Cache
from master.api.collections import Collection
from master.api.customs.converting import Converting
from master.api.entries import Entry
from master.api.options import Listing, too_large_revision
from master.api.outages import UNANSWERED, unanswered
from master.store.contract import CompactedError, FutureRevisionError, Range, Store

PATIENCE = 3.0
"""Seconds a list waits for a revision that is still to come."""
CONTINUE_VERSION = "meta.k8s.io/v1"
ANY = -1
"""The revision of a token that goes on at whatever is now: the list is not consistent any more."""
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """`remaining` is 0 where it is not known."""

    entries: list[Entry]
    revision: int
    token: str = ""
    remaining: int = 0


class ExpiredTokenError(ApiError):
    """410 whose status carries the token of an inconsistent rest."""

    def to_status(self) -> dict[str, Any]:
        body = super().to_status()
        token = body.get("details", {}).pop("continue", "")
        return body | {"metadata": {"continue": token}}


class Lists:
    def __init__(self, store: Store, cache: Cache, converting: Converting) -> None:
        self._store = store
        self._cache = cache
        self._converting = converting

    async def read(self, kind: Kind, listing: Listing) -> Page:
        collection = self._cache.collection(kind)
        revision, start = await self._position(collection, listing)
        if revision is not None:
            entries, total = await self._past(collection, listing, revision, start)
        else:
            revision, most = self._cache.revision, listing.limit if listing.selection.everything else 0
            entries, total = collection.slice(listing.namespace, start, most)
        return _page(await self._converting.entries(kind, entries), total, listing, revision)

    async def _position(self, collection: Collection, listing: Listing) -> tuple[int | None, str]:
        """(the past revision to read at, None for what the cache holds now; the key to start from)."""
        if listing.token:
            if listing.revision:
                raise bad_request("specifying resource version is not allowed when using continue")
            revision, start = read_token(listing.token)
            if revision == ANY:
                await self._cache.fresh()
                return None, start
            return self._unless_current(collection, revision), start
        wanted = listing.revision
        if wanted is None:
            await self._cache.fresh()
            return None, ""
        if wanted:
            await self.reach(wanted, listing.timeout)
        exact = listing.match == "Exact" or (wanted and listing.limit and not listing.match)
        return (self._unless_current(collection, wanted) if exact else None), ""

    async def reach(self, revision: int, timeout: int = 0) -> None:
        """Wait a little for a revision that is still to come; 504 when it does not."""
        if revision <= self._cache.revision:
            return
        try:
            async with asyncio.timeout(min(timeout or PATIENCE, PATIENCE)):
                await self._cache.reach(revision)
        except TimeoutError:
            raise too_large_revision(revision, self._cache.revision) from None

    def _unless_current(self, collection: Collection, revision: int) -> int | None:
        return None if collection.unchanged_since(revision) else revision

    async def _past(
        self, collection: Collection, listing: Listing, revision: int, start: str
    ) -> tuple[list[Entry], int]:
        """The entries as of `revision` and how many there are; no more are read than a page needs where all are wanted."""
        prefix = collection.prefix + (listing.namespace + "/" if listing.namespace else "").encode()
        first = max(prefix, collection.prefix + start.encode())
        limit = listing.limit + 1 if listing.limit and listing.selection.everything else 0
        try:
            found = await self._store.range(Range(first, prefix[:-1] + b"0", limit, revision))
        except CompactedError as error:
            raise _expired(listing, start) from error
        except FutureRevisionError as error:
            raise too_large_revision(revision, self._cache.revision) from error
        except UNANSWERED as error:
            raise unanswered(error, "be read") from error
        return [self._cache.read_value(collection, kv) for kv in found.kvs], found.count


def _page(entries: list[Entry], total: int, listing: Listing, revision: int) -> Page:
    """`total` counts the entries there are from here on, whether read or not, before any selection."""
    selection, limit = listing.selection, listing.limit
    if not selection.everything:
        entries = selection.of(entries)
        total = len(entries)
    if not limit or total <= limit:
        return Page(entries, revision)
    last = entries[limit - 1]
    remaining = total - limit if selection.everything else 0
    return Page(entries[:limit], revision, write_token(revision, last.key + "\0"), remaining)


def write_token(revision: int, start: str) -> str:
    text = orjson.dumps({"v": CONTINUE_VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_token(token: str) -> tuple[int, str]:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if read["v"] == CONTINUE_VERSION and isinstance(read["rv"], int) and isinstance(read["start"], str):
            return read["rv"], read["start"]
    except (ValueError, binascii.Error, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    raise bad_request("invalid continue token: continue key is not valid: it is not one of ours")


def _expired(listing: Listing, start: str) -> ApiError:
    if not listing.token:
        return gone(f"The provided resource version is too old: {listing.revision}")
    return ExpiredTokenError(410, "Expired", _TOO_OLD, details={"continue": write_token(ANY, start)})
