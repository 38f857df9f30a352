"""The API role of a master: its store, keys, listening sockets, and an orderly end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from dataclasses import dataclass

import psutil

from kube.config import MasterConfig
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki
from master.api import authn, authz
from master.api.building import Parts, Server, open_server
from master.api.cache import Cache
from master.api.reviewing import creators
from master.api.server import Listener, server_tls
from master.store.contract import Store
from master.store.etcd_api.serving import EtcdServer, TlsFiles, serve
from master.store.memory import MemoryStore
from master.store.sqlite import SqliteStore

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ApiRole:
    """A running API: `run` goes on until it is cancelled."""

    store: Store
    server: Server
    listener: Listener
    etcd: EtcdServer | None

    async def run(self) -> None:
        try:
            await self.server.followed()
        finally:
            await self.close()

    async def close(self) -> None:
        self.server.watches.end_all()
        await self.listener.stop()
        if self.etcd is not None:
            await self.etcd.close()
        await self.server.stop()
        await self.store.close()
        log.info("closed revision=%d", self.store.revision)


async def open_api(layout: Layout, config: MasterConfig) -> ApiRole:
    """Everything up to the first request; OSError when a port or the store's file cannot be had."""
    ensure_master_pki(layout, names_of(config))
    store = open_store(layout, config)
    try:
        server = await open_server(store, lambda cache: parts(layout, config, cache))
        listener = Listener(server.api.handle, config.api.bind, config.api.port, tls_of(layout))
        await listener.start()
        etcd = await _open_etcd(layout, config, store)
    except BaseException:
        await store.close()
        raise
    return ApiRole(store, server, listener, etcd)


def open_store(layout: Layout, config: MasterConfig) -> Store:
    if config.store.kind == "memory":
        return MemoryStore()
    path = layout.root / config.store.path if config.store.path else layout.state / "store.db"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteStore.open(path)


async def _open_etcd(layout: Layout, config: MasterConfig, store: Store) -> EtcdServer | None:
    if not config.etcd.enabled:
        return None
    files = layout.pki / "etcd"
    tls = TlsFiles(files / "ca.crt", files / "server.crt", files / "server.key")
    return await serve(store, config.etcd.bind, config.etcd.port, tls)


def tls_of(layout: Layout):  # type: ignore[no-untyped-def]
    return server_tls(layout.pki / "apiserver.crt", layout.pki / "apiserver.key", layout.pki / "ca.crt")


def parts(layout: Layout, config: MasterConfig, cache: Cache) -> Parts:
    """Who is trusted and what is admitted, by the settings and the objects in the cache."""
    authentication = authn.build(layout, cache, config.api.token_file)
    authorization = authz.build(cache)
    cache.reloaded.append(authorization.reload)
    address = (config.api.advertise or ("127.0.0.1",))[0]
    return Parts(
        authentication,
        authorization,
        creators=creators(authentication, authorization),
        address=f"{address}:{config.api.port}",
    )


def names_of(config: MasterConfig) -> Names:
    """What the serving certificate has to name: what the settings say, this host, and every address it has."""
    first = next(ipaddress.ip_network(config.cluster.service_cidr).hosts())
    return Names(
        server=f"https://127.0.0.1:{config.api.port}",
        names=(*config.api.names, socket.gethostname()),
        addresses=(*config.api.advertise, *own_addresses()),
        service_ip=str(first),
        domain=config.cluster.domain,
    )


def own_addresses() -> tuple[str, ...]:
    """The addresses of this machine that others can reach, in order."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6) and "%" not in one.address:
                address = ipaddress.ip_address(one.address)
                if not address.is_loopback and not address.is_link_local:
                    found.append(str(address))
    return tuple(sorted(set(found)))
