"""A node's keys are made on the node and never leave it: `agent enrol` prints certificate requests, nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from kube.certificates import Subject, make_csr, make_key
from kube.files import write_atomic

NODES_GROUP = "system:nodes"


def requests(folder: Path, name: str, addresses: tuple[str, ...]) -> dict[str, str]:
    """PEM requests for the node's client and serving certificates, by name; a key that is there is kept."""
    user = f"system:node:{name}"
    client = Subject(user, (NODES_GROUP,))
    serving = Subject(user, (NODES_GROUP,), (name, *addresses))
    return {
        "node": make_csr(_key(folder / "node.key"), client).decode(),
        "serving": make_csr(_key(folder / "serving.key"), serving).decode(),
    }


def _key(path: Path) -> bytes:
    if not path.exists():
        write_atomic(path, make_key(), 0o600)
    return path.read_bytes()


def print_requests(folder: Path, name: str, addresses: tuple[str, ...]) -> None:
    print(json.dumps(requests(folder, name, addresses)))
