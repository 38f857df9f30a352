"""etcd at a master's start: waited for, with a word each ten seconds, and given up with one sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from master.store.contract import StoreUnavailableError
from master.store.over_etcd.members import PATIENCE, ClientTls, Members
from master.store.over_etcd.store import EtcdStore

log = logging.getLogger(__name__)

WAIT = 60.0
TELL_EVERY = 10.0
AGAIN = 0.5


async def open_etcd(
    addresses: Sequence[str],
    tls: ClientTls | None,
    *,
    wait: float = WAIT,
    tell_every: float = TELL_EVERY,
    patience: float = PATIENCE,
) -> EtcdStore:
    """The store, as soon as etcd answers; StoreUnavailableError when it has not within `wait` seconds."""
    loop = asyncio.get_running_loop()
    begun = told = loop.time()
    where = ", ".join(addresses)
    while True:
        try:
            return await EtcdStore.open(Members(addresses, tls, patience))
        except StoreUnavailableError as error:
            now = loop.time()
            if now - told >= tell_every:
                told = now
                log.warning("waiting for etcd at %s since %.0f s: %s", where, now - begun, error)
            if now - begun >= wait:
                raise StoreUnavailableError(f"etcd at {where} has not answered for {wait:.0f} s: {error}") from error
        await asyncio.sleep(AGAIN)


def addresses_of(endpoints: Sequence[str]) -> tuple[str, ...]:
    return tuple(address_of(endpoint) for endpoint in endpoints)


def address_of(endpoint: str) -> str:
    """`https://HOST:PORT` as gRPC writes it."""
    return endpoint.partition("://")[2].rstrip("/") or endpoint
