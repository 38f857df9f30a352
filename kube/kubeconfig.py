"""kubeconfig files: where the API is and who speaks to it.  Written with everything inside, so that a file can be copied.

Read as YAML (or JSON) in kubectl's format: the current context's cluster and user; data beside file references.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kube.files import write_atomic

FORMAT = """\
apiVersion: v1
kind: Config
clusters:
- name: {cluster}
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: {user}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {user}@{cluster}
  context:
    cluster: {cluster}
    user: {user}
current-context: {user}@{cluster}
"""


class KubeconfigError(Exception):
    """The file is missing, is not a kubeconfig, or asks for what is not supported; the text says which and where."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the current context says, file references already read: PEM bytes, or empty where there is none."""

    server: str
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""


def render(access: Access, user: str, cluster: str = "wherry") -> str:
    return FORMAT.format(
        cluster=cluster,
        user=user,
        server=access.server,
        ca=base64.b64encode(access.ca).decode(),
        certificate=base64.b64encode(access.certificate).decode(),
        key=base64.b64encode(access.key).decode(),
    )


def write(path: Path, access: Access, user: str, cluster: str = "wherry") -> None:
    """Mode 0600: it holds a private key."""
    write_atomic(path, render(access, user, cluster).encode(), 0o600)


def read(path: Path) -> Access:
    """The current context of the file; KubeconfigError names what is wrong."""
    import yaml

    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise KubeconfigError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise KubeconfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise KubeconfigError(f"{path}: not a kubeconfig")
    try:
        return _access(content, path.parent)
    except (KubeconfigError, OSError, binascii.Error) as error:
        raise KubeconfigError(f"{path}: {error}") from error


def _access(content: Mapping[str, Any], folder: Path) -> Access:
    current = content.get("current-context", "")
    context = _named(content, "contexts", current).get("context") or {}
    cluster = _named(content, "clusters", context.get("cluster", "")).get("cluster") or {}
    user = _named(content, "users", context.get("user", "")).get("user") or {}
    for refused in ("exec", "auth-provider"):
        if refused in user:
            raise KubeconfigError(
                f"users[{context.get('user')}].{refused} is not supported: use a certificate or a token"
            )
    if not cluster.get("server"):
        raise KubeconfigError(f"cluster {context.get('cluster')!r} has no server")
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        ca=_bytes(cluster, "certificate-authority", folder),
        certificate=_bytes(user, "client-certificate", folder),
        key=_bytes(user, "client-key", folder),
        token=str(user.get("token") or "") or _token_of(user, folder),
    )


def _named(content: Mapping[str, Any], section: str, name: str) -> Mapping[str, Any]:
    for entry in content.get(section) or []:
        if entry.get("name") == name:
            return dict(entry)
    raise KubeconfigError(f"{section}: no entry named {name!r}")


def _bytes(entry: Mapping[str, Any], field: str, folder: Path) -> bytes:
    """The field's inlined data, else the file it names (relative to the kubeconfig), else nothing."""
    if data := entry.get(field + "-data"):
        return base64.b64decode(data, validate=True)
    return (folder / entry[field]).read_bytes() if entry.get(field) else b""


def _token_of(user: Mapping[str, Any], folder: Path) -> str:
    file = user.get("tokenFile")
    return (folder / file).read_text().strip() if file else ""
