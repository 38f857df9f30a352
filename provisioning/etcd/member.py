"""A member of etcd as a service: pure, everything from the settings.

How it works: a member alone listens on loopback; `[etcd] advertise` opens it to the others.  etcd heeds the members it is
told of only while its data folder is empty, so the words stay the same when members come and go later.  It reads its
certificates anew for each connection, and so needs no word when they are renewed.
"""

from __future__ import annotations

import platform
from pathlib import Path

from kube.config import MasterConfig
from kube.layout import Layout
from provisioning.supervising.services import Service

SERVICE = "etcd"
PROGRAM = "/usr/bin/etcd"
LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"
ARCHITECTURES = {"aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386", "riscv64": "riscv64"}
"""Machines on which etcd 3.4 starts only when it is told that this is meant, in Go's words."""
OPERATIONS = 10_000
"""Of one transaction: a Job of thousands of pods counts in its quota at once."""
PROGRESS = "5s"
"""How often a quiet watch hears where the store is."""
QUOTA = 8 << 30
STOP_SECONDS = 10.0


def is_kept_here(config: MasterConfig) -> bool:
    """Whether a member of etcd belongs to this master."""
    return config.store.kind == "etcd" and bool(config.etcd.member)


def data_folder(layout: Layout) -> Path:
    return layout.state / "etcd"


def client_url(config: MasterConfig) -> str:
    """Where others reach this member."""
    return f"https://{config.etcd.advertise or LOOPBACK}:{config.etcd.port}"


def peer_url(config: MasterConfig) -> str:
    """Where the other members reach this one."""
    return f"https://{config.etcd.advertise or LOOPBACK}:{config.etcd.peer_port}"


def member_service(layout: Layout, config: MasterConfig) -> Service:
    machine = platform.machine()
    env = {"ETCD_UNSUPPORTED_ARCH": ARCHITECTURES[machine]} if machine in ARCHITECTURES else {}
    return Service(SERVICE, (PROGRAM, *_flags(layout, config)), env=env, stop_seconds=STOP_SECONDS)


def _flags(layout: Layout, config: MasterConfig) -> tuple[str, ...]:
    own = config.etcd
    bind = ANY if own.advertise else LOOPBACK
    pki = layout.pki.absolute() / "etcd"
    flags = {
        "name": own.member,
        "data-dir": data_folder(layout).absolute(),
        "listen-client-urls": f"https://{bind}:{own.port}",
        "advertise-client-urls": client_url(config),
        "listen-peer-urls": f"https://{bind}:{own.peer_port}",
        "initial-advertise-peer-urls": peer_url(config),
        "initial-cluster": ",".join(own.joined or (f"{own.member}={peer_url(config)}",)),
        "initial-cluster-state": "existing" if own.joined else "new",
        "cert-file": pki / "server.crt",
        "key-file": pki / "server.key",
        "trusted-ca-file": pki / "ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": pki / "peer.crt",
        "peer-key-file": pki / "peer.key",
        "peer-trusted-ca-file": pki / "ca.crt",
        "peer-client-cert-auth": "true",
        "max-txn-ops": OPERATIONS,
        "quota-backend-bytes": QUOTA,
        "experimental-watch-progress-notify-interval": PROGRESS,
        "logger": "zap",
        "log-level": "warn",
    }
    if own.v2:
        flags["enable-v2"] = "true"
    return tuple(f"--{name}={value}" for name, value in flags.items())
