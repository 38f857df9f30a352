"""How a client reaches the API server: addresses, trust and identity, from a kubeconfig or given; and its TLS context.

Contract: `Access` is plain data; `tls_context(access)` is the only place that loads keys.  Inline keys of a kubeconfig
never touch a disk (memfd).  TLS sessions are resumed: a new watch then costs a fraction of a full handshake.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

PathLike = str | os.PathLike[str]
AGENT_PORT = 10250
"""Where a node's agent listens when its Node object tells no other port (upstream's kubelet port)."""


@dataclass(frozen=True)
class Access:
    """Where the API servers are and who asks; a path or inline PEM for each of ca, cert and key."""

    servers: tuple[str, ...]
    ca: PathLike | None = None
    cert: PathLike | None = None
    key: PathLike | None = None
    ca_data: str = ""
    cert_data: bytes = field(default=b"", repr=False)
    key_data: bytes = field(default=b"", repr=False)
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    tls_server_name: str = ""
    insecure: bool = False

    def bearer(self) -> str:
        """The token as of now: a callable is asked each time, so that it may rotate."""
        return self.token() if callable(self.token) else self.token or ""


def read_kubeconfig(path: PathLike, context: str = "") -> Access:
    """The access that a kubeconfig's current (or named) context describes; ValueError says what it lacks."""
    file = Path(path)
    config = _parse(file.read_bytes())
    chosen = _named(config, "contexts", context or config.get("current-context", ""), file).get("context", {})
    cluster = _named(config, "clusters", chosen.get("cluster", ""), file).get("cluster", {})
    user = _named(config, "users", chosen.get("user", ""), file).get("user", {})
    if not cluster.get("server"):
        raise ValueError(f"{file}: the cluster has no server")

    def beside(name: str | None) -> Path | None:
        return file.parent / name if name else None

    return Access(
        servers=(cluster["server"].rstrip("/"),),
        ca=beside(cluster.get("certificate-authority")),
        ca_data=_decoded(cluster, "certificate-authority-data").decode(),
        cert=beside(user.get("client-certificate")),
        key=beside(user.get("client-key")),
        cert_data=_decoded(user, "client-certificate-data"),
        key_data=_decoded(user, "client-key-data"),
        token=_token(user, file),
        tls_server_name=cluster.get("tls-server-name", ""),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def _parse(text: bytes) -> dict[str, Any]:
    """JSON first (what wherry writes for its nodes, which have no YAML), YAML where that fails."""
    try:
        config: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        import yaml

        config = yaml.safe_load(text)
    return config


def _named(config: dict[str, Any], section: str, name: str, file: Path) -> dict[str, Any]:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return dict(entry)
    raise ValueError(f"{file}: {section} has no entry named {name!r}")


def _decoded(section: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(section.get(name) or "")


def _token(user: dict[str, Any], file: Path) -> str | Callable[[], str] | None:
    if user.get("token"):
        return str(user["token"])
    if user.get("tokenFile"):
        token_file = file.parent / user["tokenFile"]
        return lambda: token_file.read_text().strip()
    return None


class ResumingContext(ssl.SSLContext):
    """A client context that offers each server the newest session it gave (asyncio itself never does)."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        latest: dict[object, ssl.SSLObject] = self.__dict__.setdefault("latest", {})
        before = latest.get(server_hostname)
        if session is None and before is not None:
            session = _session_of(before)
        wrapped = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        latest[server_hostname] = wrapped
        return wrapped


def _session_of(connection: ssl.SSLObject) -> ssl.SSLSession | None:
    try:
        return connection.session
    except ValueError:  # its handshake is not over yet: several connections are made at once
        return None


def tls_context(access: Access) -> ssl.SSLContext:
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif access.ca or access.ca_data:
        context.load_verify_locations(cafile=access.ca, cadata=access.ca_data or None)
    else:
        context.load_default_certs()
    if access.cert:
        context.load_cert_chain(access.cert, access.key)
    elif access.cert_data:
        with _in_memory(access.cert_data) as cert, _in_memory(access.key_data) as key:
            context.load_cert_chain(cert, key)
    return context


@contextmanager
def _in_memory(pem: bytes) -> Iterator[str]:
    """A path to `pem` that no other process can open: OpenSSL reads keys from files only."""
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, pem)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
