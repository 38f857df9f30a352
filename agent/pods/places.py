"""Where the agent keeps what belongs to pods, and what a pod may know of its node.  Plain data, given from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.runtime.words import Dns


@dataclass(frozen=True, slots=True)
class Paths:
    """`pods` holds a folder a pod, `logs` is where log collectors look."""

    pods: Path = Path("/var/lib/wherry/pods")
    logs: Path = Path("/var/log/pods")

    def pod(self, uid: str) -> Path:
        return self.pods / uid

    def volume(self, uid: str, kind: str, name: str) -> Path:
        return self.pod(uid) / "volumes" / kind / name

    def hosts(self, uid: str) -> Path:
        return self.pod(uid) / "etc-hosts"

    def termination(self, uid: str, container: str, attempt: int) -> Path:
        return self.pod(uid) / "containers" / container / f"{attempt}"

    def log_folder(self, namespace: str, name: str, uid: str) -> Path:
        return self.logs / f"{namespace}_{name}_{uid}"

    def log(self, namespace: str, name: str, uid: str, container: str, attempt: int) -> Path:
        return self.log_folder(namespace, name, uid) / container / f"{attempt}.log"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The node as its pods see it.

    `memory` and `cpus` are all it has; `cgroup_root` is the cgroup under which all pods lie, `/` on a machine of its own;
    `seccomp` is the folder of its profiles.
    """

    name: str
    ips: tuple[str, ...] = ()
    cluster_dns: tuple[str, ...] = ("10.43.0.10",)
    cluster_domain: str = "cluster.local"
    host_dns: Dns = field(default_factory=Dns)
    allocatable: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    cpus: float = 0.0
    cgroup_root: str = "/"
    seccomp: str = "/var/lib/kubelet/seccomp"


def parse_resolv_conf(text: str) -> Dns:
    """The name servers, search domains and options of a resolv.conf (5): the last search line holds."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        match words:
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search" | "domain", *domains]:
                searches = tuple(domains)
            case ["options", *given]:
                options += given
    return Dns(tuple(servers), searches, tuple(options))
