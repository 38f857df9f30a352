"""What an administrator adds to the cluster's names: the ConfigMap `kube-system/kube-dns`, carried to the DNS process as a file.

Keys: `stubDomains` ({"acme.local": ["192.0.2.1"]}) and `upstreamNameservers` (["192.0.2.2"]), JSON as kube-dns had them, and
`hosts`, lines of hosts(5).  A key or line that cannot be read is told and left out; the others hold.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import orjson

from agent.dns.names import Names, Record

log = logging.getLogger(__name__)

NAMESPACE, NAME = "kube-system", "kube-dns"
FILE = "names.json"
"""Beside the service table."""


@dataclass(frozen=True, slots=True)
class NameSettings:
    hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()  # address, names with the closing dot
    stubs: Mapping[str, list[str]] = field(default_factory=dict)  # domain with the closing dot -> servers
    upstreams: tuple[str, ...] = ()

    def add_hosts(self, names: Names) -> None:
        for address, hosts in self.hosts:
            for host in hosts:
                names.add(host, Record("AAAA" if ":" in address else "A", address))
            if hosts:
                names.add(f"{ip_address(address).reverse_pointer}.", Record("PTR", hosts[0]))


def publish(path: Path, data: Mapping[str, str]) -> None:
    """Writes the ConfigMap's data so that a reader sees the old or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(orjson.dumps(data))
    draft.rename(path)


def load(path: Path) -> NameSettings:
    """No file means no settings."""
    try:
        return read(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return NameSettings()


def read(data: Mapping[str, str]) -> NameSettings:
    stubs = _json(data, "stubDomains", dict)
    return NameSettings(
        tuple(filter(None, map(_host, data.get("hosts", "").splitlines()))),
        {f"{domain.strip('.').lower()}.": _servers(servers) for domain, servers in stubs.items()},
        tuple(_servers(_json(data, "upstreamNameservers", list))),
    )


def _json(data: Mapping[str, str], key: str, kind: type) -> Any:
    try:
        found = orjson.loads(data.get(key) or orjson.dumps(kind()))
    except orjson.JSONDecodeError as error:
        log.error("%s/%s: %s is not JSON: %s", NAMESPACE, NAME, key, error)
        return kind()
    if not isinstance(found, kind):
        log.error("%s/%s: %s must be a JSON %s", NAMESPACE, NAME, key, kind.__name__)
        return kind()
    return found


def _servers(found: Any) -> list[str]:
    return [text for text in found if _is_address(text)] if isinstance(found, list) else []


def _host(line: str) -> tuple[str, tuple[str, ...]] | None:
    words = line.partition("#")[0].split()
    if not words or not _is_address(words[0]):
        return None
    return words[0], tuple(f"{name.strip('.').lower()}." for name in words[1:])


def _is_address(text: Any) -> bool:
    try:
        ip_address(text)
    except ValueError:
        log.error("%s/%s: %r is no IP address", NAMESPACE, NAME, text)
        return False
    return True
