"""The service table as a file: the agent writes it whole, the DNS process reads it when it changed.

The file lies on a tmpfs (/run/wherry), so that names are answered while the agent or the master is away, and no card wears.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from agent.services import Endpoint, Port, Service


class TableError(Exception):
    """The file is not a service table; the text says why."""


def publish(path: Path, services: Iterable[Service]) -> None:
    """Writes the table so that a reader sees the old or the new one, never half."""
    draft = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(orjson.dumps(list(services)))
    draft.rename(path)


def load(path: Path) -> list[Service]:
    try:
        return [_service(entry) for entry in orjson.loads(path.read_bytes())]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise TableError(f"{path}: {error}") from error


def _service(entry: dict[str, Any]) -> Service:
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}
    plain["ports"] = tuple(Port(**port) for port in entry["ports"])
    plain["endpoints"] = tuple(_endpoint(endpoint) for endpoint in entry["endpoints"])
    return Service(**plain)


def _endpoint(entry: dict[str, Any]) -> Endpoint:
    pod = (entry["pod"][0], entry["pod"][1]) if entry["pod"] else None
    ports = tuple((name, protocol, number) for name, protocol, number in entry["ports"])
    hints = {name: tuple(entry.get(name) or ()) for name in ("for_zones", "for_nodes")}
    return Endpoint(**(entry | {"ports": ports, "pod": pod} | hints))
