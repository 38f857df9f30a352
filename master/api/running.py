"""The API role of a master: its store, keys, listening sockets, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from kube.config import MasterConfig
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki
from master.api import admission, allocation, authn, authz, openid
from master.api.aggregation import usage
from master.api.aggregation.availability import Availability
from master.api.aggregation.delegates import Delegates
from master.api.aggregation.local import ensure_local
from master.api.aggregation.remote import Remote
from master.api.audit_policy import read_policy
from master.api.auditing import Audit, Known, Log
from master.api.bootstrap import ensure_defaults, ensure_names, publish_masters
from master.api.building import Parts, Server, open_server
from master.api.cache import Cache
from master.api.damage import Damage
from master.api.flow import turns
from master.api.handling import Api
from master.api.posting import Poster
from master.api.presence import Presence
from master.api.proxying import Proxies
from master.api.reaching import Reach
from master.api.renewing import Renewal
from master.api.reviewing import creators, token_ways
from master.api.sealing import Sealing
from master.api.sealing import build as build_sealing
from master.api.server import Handler, Listener, server_tls
from master.api.stores import open_store, sqlite_path
from master.api.streaming import Nodes
from master.store.contract import DamagedError, Store
from master.store.etcd_api.serving import EtcdServer, TlsFiles, serve
from master.store.sqlite import SqliteStore
from master.store.sqlite.snapshotting import Snapshotting
from master.ui import serving as ui

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ApiRole:
    """A running API: `run` goes on until it is cancelled."""

    store: Store
    server: Server
    listener: Listener
    etcd: EtcdServer | None
    renewal: Renewal
    presence: Presence
    snapshotting: Snapshotting | None = None
    """Of a store in a file of ours."""

    async def run(self) -> None:
        beside = [
            asyncio.create_task(self.renewal.run(), name="certificates"),
            asyncio.create_task(self.presence.run(), name="presence"),
        ]
        if self.snapshotting is not None:
            beside.append(asyncio.create_task(self.snapshotting.run(), name="snapshots"))
        if self.server.api.delegates is not None:
            availability = Availability(self.server.api.delegates, self.server.registry)
            beside.append(asyncio.create_task(availability.run(), name="availability"))
        try:
            await self.server.followed()
        finally:
            for task in beside:
                task.cancel()
            await self.close()

    async def close(self) -> None:
        self.server.watches.end_all()
        await self.listener.stop()
        await self.presence.leave()
        if self.etcd is not None:
            await self.etcd.close()
        await self.server.stop()
        await self.store.close()
        log.info("closed revision=%d", self.store.revision)


async def open_api(layout: Layout, config: MasterConfig) -> ApiRole:
    """Everything up to the first request; OSError when a port cannot be had, or what the opened parts raise.

    A value that turns out damaged while the objects are read has the store opened anew, mended.
    """
    ensure_master_pki(layout, names_of(config))
    try:
        return await _open(layout, config)
    except DamagedError as error:
        if config.store.kind != "sqlite":
            raise
        return await _open(layout, config, str(error))


async def _open(layout: Layout, config: MasterConfig, found: str = "") -> ApiRole:
    async with contextlib.AsyncExitStack() as undo:
        store = await open_store(layout, config, found)
        undo.push_async_callback(store.close)
        sealing = build_sealing(layout)
        server = await open_server(store, lambda cache: parts(layout, config, cache, sealing), sealing.open)
        undo.push_async_callback(server.stop)
        await make_first_objects(layout, config, server)
        presence = Presence(store, lambda: advertised(config), lambda masters: publish(config, server, masters))
        await presence.once()
        undo.push_async_callback(presence.leave)
        tls = tls_of(layout)
        listener = Listener(audited(layout, config, server.api), config.api.bind, config.api.port, tls)
        await listener.start()
        undo.push_async_callback(listener.stop)
        etcd = await _open_etcd(layout, config, store)
        undo.pop_all()
    renewal = Renewal(layout, lambda: names_of(config), {"apiserver": tls}, presence.once)
    return ApiRole(store, server, listener, etcd, renewal, presence, await _snapshotting(layout, config, store, server))


async def _snapshotting(layout: Layout, config: MasterConfig, store: Store, server: Server) -> Snapshotting | None:
    """None where the store is in no file of ours; tells what was mended in it when it was opened."""
    if not isinstance(store, SqliteStore):
        return None
    damage = Damage(server.registry)
    if store.recovery is not None:
        await damage.mended(str(store.recovery))
    return Snapshotting(sqlite_path(layout, config), config.store.snapshot_minutes * 60, damage.found)


async def make_first_objects(layout: Layout, config: MasterConfig, server: Server) -> None:
    """What a cluster cannot be without."""
    authorities = [(layout.pki / name).read_text() for name in ("ca.crt", "front-proxy-ca.crt")]
    await ensure_defaults(server.registry, config.cluster.service_cidr, config.api.port, *authorities)
    await ensure_names(server.registry, config.cluster.dns)
    await ensure_local(server.registry)


async def publish(config: MasterConfig, server: Server, masters: Iterable[str]) -> None:
    await publish_masters(server.registry, masters, config.api.port)


async def _open_etcd(layout: Layout, config: MasterConfig, store: Store) -> EtcdServer | None:
    if not config.etcd.enabled or config.store.kind == "etcd":
        return None
    files = layout.pki / "etcd"
    tls = TlsFiles(files / "ca.crt", files / "server.crt", files / "server.key")
    return await serve(store, config.etcd.bind, config.etcd.port, tls)


def tls_of(layout: Layout) -> ssl.SSLContext:
    return server_tls(layout.pki / "apiserver.crt", layout.pki / "apiserver.key", layout.pki / "ca.crt")


def parts(layout: Layout, config: MasterConfig, cache: Cache, sealing: Sealing) -> Parts:
    """Who is trusted and what is admitted, by the settings and the objects in the cache."""
    authentication = authn.build(layout, cache, config.api.token_file)
    authorization = authz.build(cache)
    numbers = allocation.build(cache, config.cluster.service_cidr, config.cluster.node_ports)
    cache.reloaded += [authorization.reload, lambda: numbers.load(cache)]
    address = f"{advertised(config)[0]}:{config.api.port}"
    reach = Reach(cache, agent_tls(layout))
    front_proxy = layout.pki / "front-proxy-client.crt"
    delegates = Delegates(
        cache,
        {(usage.GROUP, usage.VERSION): usage.UsageApi(reach)},
        lambda service: Remote(service, reach, front_proxy),
    )
    return Parts(
        authentication,
        authorization,
        admission.chain(cache, authorization, numbers, config.controllers.eviction_seconds, reach),
        sealing.seal,
        creators=creators(authentication, authorization),
        ways={**token_ways(authentication.issuer), **Nodes(cache, reach.tls).ways(), **Proxies(reach).ways()},
        documents=openid.documents(authentication.issuer, address),
        public=ui.documents(),
        poster=Poster(reach),
        address=address,
        delegates=delegates,
        turns=turns.build(cache),
    )


def audited(layout: Layout, config: MasterConfig, api: Api) -> Handler:
    """The API's handler, with the audit log around it where the settings ask for one."""
    wanted = config.audit
    if not wanted.path:
        return api.handle
    policy = read_policy(layout.root / wanted.policy.lstrip("/") if wanted.policy else None)
    log_ = Log(layout.root / wanted.path.lstrip("/"), wanted.max_megabytes << 20, wanted.kept)
    api.authenticator = Known(api.authenticator)
    return Audit(policy, log_, api.handle, api.find).handle


def agent_tls(layout: Layout) -> ssl.SSLContext:
    """With which the master asks agents: its certificate, and the authority that signed theirs."""
    context = ssl.create_default_context(cafile=layout.pki / "ca.crt")
    context.check_hostname = False
    own = layout.pki / "apiserver-kubelet-client.crt"
    context.load_cert_chain(own, own.with_suffix(".key"))
    return context


def advertised(config: MasterConfig) -> tuple[str, ...]:
    """Where nodes reach this master: what the settings say, else the address that the default route leaves from."""
    if config.api.advertise:
        return config.api.advertise
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a route
        except OSError:
            return ("127.0.0.1",)
        return (str(probe.getsockname()[0]),)


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
