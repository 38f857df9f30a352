"""Writing kubeconfig files: where the API is and who speaks to it, everything inside, so that a file can be copied.

They are read by `kube.connections.read_kubeconfig`, as kubectl reads them.
"""

from __future__ import annotations

import base64
from pathlib import Path

from kube.certificates import Pair
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


def render(server: str, ca: bytes, pair: Pair, user: str, cluster: str = "wherry") -> str:
    """`ca` and `pair` are PEM; `user` and `cluster` are only the names of the file's entries."""
    return FORMAT.format(
        cluster=cluster,
        user=user,
        server=server,
        ca=base64.b64encode(ca).decode(),
        certificate=base64.b64encode(pair.certificate).decode(),
        key=base64.b64encode(pair.key).decode(),
    )


def write(path: Path, server: str, ca: bytes, pair: Pair, user: str, cluster: str = "wherry") -> None:
    """Mode 0600: it holds a private key."""
    write_atomic(path, render(server, ca, pair, user, cluster).encode(), 0o600)
