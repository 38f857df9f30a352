"""Puts the API together: store, cache, registry, verbs, documents; what belongs to a process is the caller's.

`build` takes every part that trust decides on as an argument, so that a test builds the same server over a memory store
with an authenticator of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kube.kinds import BUILT_IN, Kind
from master.api import admission
from master.api.admission.reporting import Reporting
from master.api.aggregation.delegates import Delegates
from master.api.cache import Cache
from master.api.components import components
from master.api.contract import Admission, Authenticator, Authorizer
from master.api.customs.converting import Converting
from master.api.customs.living import Living
from master.api.customs.serving import Serving
from master.api.discovery import Discovery
from master.api.flow.turns import Turns
from master.api.handling import Api, Creator, Document
from master.api.health import Health, version
from master.api.lists import Lists
from master.api.metrics import Metrics
from master.api.openapi import OpenApi
from master.api.posting import Poster
from master.api.registry import Registry
from master.api.served import Served
from master.api.transactions import Transactions
from master.api.verbs import Rooms, Verb
from master.api.watching import Watches
from master.store.contract import Store

Crypt = Callable[[bytes, bytes], bytes]


class Settler(Protocol):
    async def run(self) -> None:
        """Settles until it is cancelled."""
        ...


@dataclass(slots=True)
class Parts:
    """What differs from one server to the next: who is trusted, what is admitted, how secrets are sealed."""

    authenticator: Authenticator
    authorizer: Authorizer
    admission: Sequence[Admission] = ()
    seal: Crypt | None = None
    creators: Mapping[tuple[str, str], Creator] = field(default_factory=dict)
    ways: Mapping[tuple[str, str, str], Verb] = field(default_factory=dict)
    """Further subresources: (group, plural, name) → what serves them."""
    documents: Mapping[str, Document] = field(default_factory=dict)
    """Further paths outside the resources."""
    public: Mapping[str, Document] = field(default_factory=dict)
    """Paths that everybody may read."""
    delegates: Delegates | None = None
    """Who answers for groups that are not served here."""
    turns: Turns | None = None
    """Who waits when there is too much to do; None: nobody."""
    poster: Poster | None = None
    """The way to webhooks that convert between versions."""
    address: str = "127.0.0.1:6443"


class Server:
    """The API without its socket: `api.handle` answers requests."""

    def __init__(self, store: Store, cache: Cache, registry: Registry, api: Api, watches: Watches) -> None:
        self.store = store
        self.cache = cache
        self.registry = registry
        self.api = api
        self.watches = watches
        self.following: asyncio.Task[None] | None = None
        self.beside: list[asyncio.Task[None]] = []
        """What settles objects of the server's own: definitions, policies."""

    async def followed(self) -> None:
        """Until the cache stops to follow the store, which it does not on its own."""
        if self.following is not None:
            await asyncio.shield(self.following)

    async def stop(self) -> None:
        self.watches.end_all()
        for task in filter(None, (*self.beside, self.following)):
            task.cancel()
            await asyncio.wait({task})

    def trouble(self) -> str:
        """Why the cache does not follow the store; empty when it does."""
        if self.following is None or self.following.done():
            return "the watch cache does not follow the store"
        return ""


async def open_server(
    store: Store, parts: Callable[[Cache], Parts], opener: Crypt | None = None, kinds: Sequence[Kind] = BUILT_IN
) -> Server:
    """`parts` is called with the filled cache, which authentication, authorization and admission read from."""
    cache = Cache(store, [kind for kind in kinds if kind.stored], opener)
    served = Served(kinds)
    Serving(cache, served)
    following = await cache.start()
    try:
        given = parts(cache)
    except BaseException:
        following.cancel()
        raise
    server = build(store, cache, given, served)
    server.following = following
    settlers: tuple[Settler, ...] = (Living(server.registry), Reporting(server.registry, served))
    server.beside = [asyncio.create_task(each.run(), name=type(each).__name__) for each in settlers]
    return server


def build(store: Store, cache: Cache, given: Parts, served: Served) -> Server:
    converting = Converting(given.poster)
    registry = Registry(store, cache, given.admission, given.seal, converting)
    admission.connect(given.admission, Transactions(store, cache))
    lists = Lists(store, cache, converting)
    watches = Watches(cache, lists, converting)
    api = Api(Rooms(registry, lists, watches), served.find, given.authenticator, given.authorizer)
    api.creators.update(given.creators)
    api.ways.update(given.ways)
    api.turns = given.turns
    server = Server(store, cache, registry, api, watches)
    api.documents.update(given.documents)
    api.public.update(given.public)
    discovery, openapi = Discovery(served.kinds, given.address), OpenApi(served.kinds)
    served.tell(discovery.show)
    served.tell(openapi.show)
    _documents(api, server, discovery, openapi)
    if given.delegates is not None:
        api.delegates = given.delegates
        given.delegates.show = discovery.show_delegated
        given.delegates.publish()
    return server


def _documents(api: Api, server: Server, discovery: Discovery, openapi: OpenApi) -> None:
    health = Health({"ping": str, "store": lambda: _asked(server.store), "watch-cache": server.trouble})
    api.ways["", "componentstatuses", ""] = components({"etcd-0": lambda: _asked(server.store)})
    metrics = Metrics(lambda: server.store.revision, lambda: len(server.watches))
    api.observe = metrics.observe
    for path in ("/healthz", "/livez", "/readyz"):
        api.documents[path] = api.documents[f"{path}/*"] = health.serve
    for path in ("/api", "/apis"):
        api.documents[path] = api.documents[f"{path}/*"] = discovery.serve
    for path in ("/openapi/v2", "/openapi/v3", "/openapi/v3/*"):
        api.documents[path] = openapi.serve
    api.documents |= {"/version": version, "/metrics": metrics.serve, "/": discovery.root, "": discovery.root}
    discovery.others += [path for path in api.documents if path.strip("/") and "*" not in path]


def _asked(store: Store) -> str:
    return "" if store.revision > 0 else "the store has no revision"
