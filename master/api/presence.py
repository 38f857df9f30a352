"""The masters that are there: each says so in the store, and the `kubernetes` Service leads to all who do.

How it works, in kube-apiserver's words: a master keeps a key for each of its addresses, bound to a lease that it renews
each `PERIOD` seconds.  A master that ends gives the lease back; of one that dies it runs out.  Whoever sees that the
addresses are others than before writes them into the endpoints, which all masters read the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson

from kube.errors import ApiError
from master.api.outages import UNANSWERED
from master.store.contract import LeaseNotFoundError, Put, Range, Store, Txn

log = logging.getLogger(__name__)

PREFIX = b"/registry/masterleases/"
TTL = 15
PERIOD = 5.0

Addresses = tuple[str, ...]


class Presence:
    """`own` are this master's addresses, asked each time; `publish` brings the endpoints to the addresses of all."""

    def __init__(
        self, store: Store, own: Callable[[], Addresses], publish: Callable[[Addresses], Awaitable[None]]
    ) -> None:
        self._store = store
        self._own = own
        self._publish = publish
        self._lease = 0
        self._said: Addresses = ()
        self._published: Addresses | None = None

    async def run(self) -> None:
        """Until cancelled; what fails now is tried again."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.once()
            except (ApiError, LeaseNotFoundError, *UNANSWERED) as error:
                log.info("the masters are not looked at now: %s", error)

    async def once(self) -> None:
        """Say that this master is there, and publish who is."""
        await self._say()
        found = await self.masters()
        if found != self._published:
            await self._publish(found)
            self._published = found

    async def masters(self) -> Addresses:
        """The addresses of all who are there, sorted."""
        answer = await self._store.range(Range(PREFIX, PREFIX[:-1] + b"0", keys_only=True))
        return tuple(sorted(kv.key.removeprefix(PREFIX).decode() for kv in answer.kvs))

    async def leave(self) -> None:
        """Say that this master goes; where the store does not answer, the lease runs out instead."""
        lease, self._lease = self._lease, 0
        if lease:
            with suppress(LeaseNotFoundError, *UNANSWERED):
                await self._store.lease_revoke(lease)

    async def _say(self) -> None:
        addresses = self._own()
        if addresses != self._said:
            await self.leave()
        if self._lease and await self._renewed():
            return
        self._lease = await self._store.lease_grant(TTL)
        puts = [Put(PREFIX + address.encode(), said(address), self._lease) for address in addresses]
        await self._store.txn(Txn((), puts))
        self._said = addresses

    async def _renewed(self) -> bool:
        try:
            await self._store.lease_keepalive(self._lease)
        except LeaseNotFoundError:
            return False
        return True


def said(address: str) -> bytes:
    """What stands under a master's key: an Endpoints with its address, as kube-apiserver writes it."""
    subset = {"addresses": [{"ip": address}]}
    return orjson.dumps({"kind": "Endpoints", "apiVersion": "v1", "metadata": {}, "subsets": [subset]})
