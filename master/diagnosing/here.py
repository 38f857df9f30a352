"""What the master's own files tell: the store and its disk, the certificates, whether the API answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime

from kube.certificates import read_certificate
from kube.config import MasterConfig
from kube.layout import Layout
from master.api.stores import sqlite_path
from master.store.sqlite.notes import noted_damage
from probes.findings import Finding, trouble, unsure, well

LEAST_FREE = 0.01
LEAST_DAYS = 30
LEAST_STORE = 64 << 20


def store_finding(layout: Layout, config: MasterConfig) -> Finding:
    """The file that the state lies in and the disk below it; another store is asked by the API's readiness."""
    if config.store.kind != "sqlite":
        return well("store", f"in {config.store.kind}: the API is ready only while it answers")
    store = sqlite_path(layout, config)
    files = list(store.parent.glob(f"{store.name}*"))
    if not files:
        return unsure("store", f"no {store.name} in {store.parent}")
    if damage := noted_damage(store):
        return trouble("store", f"damaged: {damage}", "restart the master: it mends the store at its start")
    size = sum(path.stat().st_size for path in files)
    usage = shutil.disk_usage(store.parent)
    if usage.free < LEAST_STORE or usage.free / usage.total < LEAST_FREE:
        return trouble(
            "store",
            f"{usage.free >> 20} MiB free for it; writes will fail",
            f"free space on the disk of {store.parent}",
        )
    return well("store", f"{size >> 10} KiB, {usage.free >> 20} MiB free")


def certificate_findings(layout: Layout, now: datetime) -> Iterable[Finding]:
    soon = []
    for path in sorted(layout.pki.rglob("*.crt")):
        days = (read_certificate(path.read_bytes()).not_after - now).days
        if days < LEAST_DAYS:
            soon.append(f"{path.relative_to(layout.pki)} in {days} days")
    if soon:
        yield trouble("certificates", f"end soon: {', '.join(soon)}", "restart the master: it renews them at its start")
    else:
        yield well("certificates", "none ends within a month")
