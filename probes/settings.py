"""What a node was told about itself: the parts of agent.toml that the checks need, with the agent's defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from probes.looking import CouldNotLook, Looker

FILE = "/etc/wherry/agent.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """`servers` are the masters' URLs; `hard` the thresholds below which pods are evicted."""

    name: str = ""
    address: str = ""
    servers: tuple[str, ...] = ()
    socket: str = "/run/wherry/containerd/containerd.sock"
    pause_image: str = "wherry.local/pause:1"
    pod_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    dns: str = "10.43.0.10"
    domain: str = "cluster.local"
    port: int = 10250
    hard: Mapping[str, str] = field(default_factory=dict)

    @property
    def masters(self) -> tuple[tuple[str, int], ...]:
        """Address and port of each."""
        split = (urlsplit(server) for server in self.servers)
        return tuple((part.hostname, part.port or 443) for part in split if part.hostname)


def parse(text: str) -> Settings:
    """ValueError (tomllib's) where the text is no TOML."""
    table = tomllib.loads(text)

    def section(name: str) -> Mapping[str, Any]:
        found = table.get(name, {})
        return found if isinstance(found, dict) else {}

    usual = Settings()
    node, cluster = section("node"), section("cluster")
    return Settings(
        name=str(node.get("name", "")),
        address=str(node.get("address", "")),
        servers=tuple(map(str, section("master").get("servers", ()))),
        socket=str(section("runtime").get("endpoint", usual.socket)),
        pause_image=str(section("runtime").get("pause_image", usual.pause_image)),
        pod_cidr=str(cluster.get("pod_cidr", usual.pod_cidr)),
        service_cidr=str(cluster.get("service_cidr", usual.service_cidr)),
        dns=str(cluster.get("dns", usual.dns)),
        domain=str(cluster.get("domain", usual.domain)),
        port=int(section("server").get("port", usual.port)),
        hard=section("eviction").get("hard", {}),
    )


def settings(look: Looker) -> Settings:
    """This node's; the defaults where it is no node yet, or where its file is broken (the API's check says so)."""
    try:
        return parse(look.read(FILE))
    except (CouldNotLook, ValueError):
        return Settings()


def joined(look: Looker) -> bool:
    """Whether this machine has the settings of a node."""
    try:
        return bool(look.read(FILE))
    except CouldNotLook:
        return False
