"""The master's keys and certificates on disk: made at the first start, renewed when due, laid out as people expect them.

How it works: `LEAVES` is the whole of it, a row a certificate.  `ensure_master_pki` makes what is missing, leaves alone
what is good, and issues anew what is near its end, lacks a name, or was signed by another authority.  An authority is
never replaced.  etcd has an authority of its own, so that a node's certificate does not open its port.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kube import kubeconfig
from kube.certificates import (
    Pair,
    Subject,
    is_due,
    is_issued_by,
    is_pair,
    issue,
    make_ca,
    make_key,
    public_pem,
    read_certificate,
)
from kube.connections import read_kubeconfig
from kube.files import write_atomic
from kube.layout import Layout

log = logging.getLogger(__name__)

MASTERS = ("system:masters",)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate the master keeps: `path` under the PKI's folder without suffix, or a kubeconfig's name."""

    path: str
    authority: str
    subject: Subject
    server: bool = False
    client: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """What the API is reached by: every name and address a client may dial, and the URL written to kubeconfigs."""

    server: str = "https://127.0.0.1:6443"
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    service_ip: str = "10.43.0.1"
    domain: str = "cluster.local"

    def all(self) -> tuple[str, ...]:
        service = [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{self.domain}",
        ]
        wanted = [*service, "localhost", *self.names, "127.0.0.1", "::1", self.service_ip, *self.addresses]
        return tuple(dict.fromkeys(wanted))


AUTHORITIES = {"ca": "wherry", "etcd/ca": "wherry-etcd", "front-proxy-ca": "wherry-front-proxy"}
SERVED = (
    Leaf("apiserver", "ca", Subject("kube-apiserver"), server=True),
    Leaf("etcd/server", "etcd/ca", Subject("etcd-server"), server=True, client=True),
    Leaf("etcd/peer", "etcd/ca", Subject("etcd-peer"), server=True, client=True),
)
CLIENTS = (
    Leaf("apiserver-kubelet-client", "ca", Subject("kube-apiserver-kubelet-client", MASTERS), client=True),
    Leaf("front-proxy-client", "front-proxy-ca", Subject("front-proxy-client"), client=True),
    Leaf("apiserver-etcd-client", "etcd/ca", Subject("kube-apiserver-etcd-client"), client=True),
)
KUBECONFIGS = (
    Leaf("admin", "ca", Subject("kubernetes-admin", MASTERS), client=True),
    Leaf("scheduler", "ca", Subject("system:kube-scheduler"), client=True),
    Leaf("controller-manager", "ca", Subject("system:kube-controller-manager"), client=True),
)


class PkiError(Exception):
    """An authority's files are not whole; the text names the file and what to do.  Nothing was changed."""


def ensure_master_pki(layout: Layout, names: Names, now: datetime | None = None) -> list[Path]:
    """Brings the PKI to what it should be and returns what was written; the second run writes nothing."""
    moment = now or datetime.now(UTC)
    written = [path for name, label in AUTHORITIES.items() for path in _ensure_authority(layout, name, label, moment)]
    for leaf in (*SERVED, *CLIENTS):
        written += _ensure_leaf(layout, leaf, names.all(), moment)
    for leaf in KUBECONFIGS:
        written += _ensure_kubeconfig(layout, leaf, names.server, moment)
    written += _ensure_signing_key(layout)
    for path in written:
        log.info("wrote %s", path)
    return written


def cluster_id(layout: Layout) -> str:
    """A short public name of this cluster: a hash of its authority's public key."""
    return read_certificate((layout.pki / "ca.crt").read_bytes()).key_hash[:16]


def read_pair(layout: Layout, name: str) -> Pair:
    """The pair at `name` (`ca`, `etcd/server`, ...) of the PKI's folder."""
    return Pair(_file(layout, name, "crt").read_bytes(), _file(layout, name, "key").read_bytes())


def ensure_secret_key(path: Path, size: int = 32) -> bytes:
    """A random key of `size` bytes kept in a file of mode 0600, made when it is missing."""
    if not path.exists():
        write_atomic(path, secrets.token_bytes(size), 0o600)
    return path.read_bytes()


def _ensure_authority(layout: Layout, name: str, label: str, now: datetime) -> list[Path]:
    certificate, key = _file(layout, name, "crt"), _file(layout, name, "key")
    if not certificate.exists():
        return _write_pair(layout, name, make_ca(label, now))
    if not key.exists():
        raise PkiError(f"{key} is missing beside {certificate.name}: put it back; without it nothing can be signed")
    if not _is_whole(read_pair(layout, name)):
        raise PkiError(f"{certificate} and {key.name} are not an authority with its key: put them back from a backup")
    return []


def _ensure_leaf(layout: Layout, leaf: Leaf, names: tuple[str, ...], now: datetime) -> list[Path]:
    wanted = Subject(leaf.subject.common_name, leaf.subject.organizations, names if leaf.server else ())
    authority = read_pair(layout, leaf.authority)
    there = _file(layout, leaf.path, "crt").exists() and _file(layout, leaf.path, "key").exists()
    if there and _is_good(read_pair(layout, leaf.path), authority, wanted, now):
        return []
    return _write_pair(layout, leaf.path, issue(authority, wanted, now, server=leaf.server, client=leaf.client))


def _ensure_kubeconfig(layout: Layout, leaf: Leaf, server: str, now: datetime) -> list[Path]:
    path = layout.kubernetes / f"{leaf.path}.conf"
    authority = read_pair(layout, leaf.authority)
    if path.exists():
        access = read_kubeconfig(path)
        same = access.servers == (server,) and access.ca_data.encode() == authority.certificate
        present = Pair(access.cert_data, access.key_data)
        if same and present.certificate and present.key and _is_good(present, authority, leaf.subject, now):
            return []
    pair = issue(authority, leaf.subject, now, server=False, client=True)
    kubeconfig.write(path, server, authority.certificate, pair, leaf.subject.common_name.removeprefix("system:"))
    return [path]


def _ensure_signing_key(layout: Layout) -> list[Path]:
    """sa.key signs service accounts' tokens, sa.pub verifies them."""
    key, public = layout.pki / "sa.key", layout.pki / "sa.pub"
    written = []
    if not key.exists():
        write_atomic(key, make_key(), 0o600)
        written.append(key)
    if not public.exists() or written:
        write_atomic(public, public_pem(key.read_bytes()))
        written.append(public)
    return written


def _is_good(pair: Pair, authority: Pair, wanted: Subject, now: datetime) -> bool:
    if not _is_whole(pair):
        return False
    facts = read_certificate(pair.certificate)
    same = (facts.common_name, facts.organizations) == (wanted.common_name, wanted.organizations)
    issued = is_issued_by(pair.certificate, authority.certificate)
    return same and issued and facts.names.issuperset(wanted.names) and not is_due(facts, now)


def _is_whole(pair: Pair) -> bool:
    """Whether both can be read and belong together: a power cut leaves a half, or a new key beside an old certificate."""
    try:
        return is_pair(pair)
    except ValueError:
        return False


def _write_pair(layout: Layout, name: str, pair: Pair) -> list[Path]:
    """The key first: a certificate without its key would be taken for whole."""
    files: Iterable[tuple[Path, bytes, int]] = (
        (_file(layout, name, "key"), pair.key, 0o600),
        (_file(layout, name, "crt"), pair.certificate, 0o644),
    )
    for path, data, mode in files:
        write_atomic(path, data, mode)
    return [path for path, _, _ in files]


def _file(layout: Layout, name: str, suffix: str) -> Path:
    return layout.pki / f"{name}.{suffix}"
