"""The control socket `run/wherry/supervise.sock`: a JSON line each way."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provisioning.supervising.services import Places


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name for a socket that fits the 107 bytes of sun_path, however deep its folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@contextmanager
def listening(places: Places) -> Iterator[socket.socket]:
    """The control socket, open to root alone; a second supervisor of the same root is refused."""
    places.run.mkdir(parents=True, exist_ok=True)
    if request(places, "status") is not None:
        raise SystemExit(f"a supervisor for {places.root} runs already")
    places.socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        with short_path(places.socket) as name:
            server.bind(name)
        places.socket.chmod(0o600)
        server.listen(16)
        yield server
    places.socket.unlink(missing_ok=True)


def request(places: Places, verb: str, name: str = "") -> dict[str, Any] | None:
    """Ask the running supervisor; None where none runs."""
    try:
        with socket.socket(socket.AF_UNIX) as client, short_path(places.socket) as path:
            client.settimeout(10.0)
            client.connect(path)
            client.sendall(json.dumps({"do": verb, "name": name}).encode() + b"\n")
            reply: dict[str, Any] = json.loads(client.makefile("r").readline())
            return reply
    except (FileNotFoundError, ConnectionRefusedError):
        return None
