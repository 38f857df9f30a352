"""The store that the settings choose, opened."""

from __future__ import annotations

from pathlib import Path

from kube.config import MasterConfig
from kube.layout import Layout
from master.store.contract import Store
from master.store.memory import MemoryStore
from master.store.sqlite import SqliteStore


async def open_store(layout: Layout, config: MasterConfig, found: str = "") -> Store:
    """StoreFileError or StoreUnavailableError, in one sentence, when it cannot be had; etcd is waited for.

    `found` is the damage that a file of ours is to be mended of.
    """
    if config.store.kind == "memory":
        return MemoryStore()
    if config.store.kind == "etcd":
        return await _open_etcd(layout, config)
    path = sqlite_path(layout, config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SqliteStore.open(path, found=found)


def sqlite_path(layout: Layout, config: MasterConfig) -> Path:
    return layout.root / config.store.path if config.store.path else layout.state / "store.db"


async def _open_etcd(layout: Layout, config: MasterConfig) -> Store:
    """By the master's own certificate, unless the settings name another."""
    from master.store.over_etcd.members import ClientTls
    from master.store.over_etcd.opening import addresses_of, open_etcd

    given, own = config.store, layout.pki / "apiserver-etcd-client"
    tls = ClientTls(
        _file(layout, given.ca, layout.pki / "etcd/ca.crt"),
        _file(layout, given.certificate, own.with_suffix(".crt")),
        _file(layout, given.key, own.with_suffix(".key")),
    )
    return await open_etcd(addresses_of(given.endpoints or (f"https://127.0.0.1:{config.etcd.port}",)), tls)


def _file(layout: Layout, given: str, own: Path) -> Path:
    return layout.root / given.lstrip("/") if given else own
