"""Whether a cluster can be raised on this machine: facts, gathered once, and a pure verdict on them."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kube.config import MasterConfig
from provisioning.etcd.member import is_kept_here
from provisioning.local.reporting import Trouble
from provisioning.virtual.network import Subnet, routed_here

PROGRAMS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "containerd": "containerd",
    "runc": "runc",
    "busybox": "busybox-static",
}
STORE_PROGRAMS = {"etcd": "etcd-server"}
"""Debian's package starts an etcd of its own, in the clear, unless it is masked before."""
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found; `own_bridge` is this cluster's subnet, which may of course be routed."""

    file_systems: frozenset[str] = frozenset()
    programs: frozenset[str] = frozenset()
    taken_ports: tuple[tuple[str, int], ...] = ()
    """(the setting that chooses it, port)."""
    routes: tuple[Subnet, ...] = ()
    own_bridge: str = ""
    free_bytes: int = 1 << 40
    needed_bytes: int = 1 << 30
    wanted: tuple[str, ...] = field(default=tuple(PROGRAMS))


def need_root() -> None:
    """Trouble for everybody else, before anything is looked at that only root may see."""
    if os.geteuid() != 0:
        raise Trouble("namespaces, mounts and iptables need root: run it again with sudo")


def gather(config: MasterConfig, root: Path, master_runs: bool, own_bridge: str = "") -> Facts:
    """Look at this machine; the ports of a master of ours that runs are not taken."""
    kept = is_kept_here(config)
    wanted = (*PROGRAMS, *(STORE_PROGRAMS if kept else ()))
    ports = [("[api] port", config.api.port)]
    ports += [("[etcd] port", config.etcd.port)] if config.etcd.enabled or kept else []
    ports += [("[etcd] peer_port", config.etcd.peer_port)] if kept else []
    above = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    return Facts(
        file_systems=frozenset(line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()),
        programs=frozenset(name for name in wanted if shutil.which(name, path=SEARCHED)),
        taken_ports=() if master_runs else tuple(row for row in ports if is_taken(row[1])),
        routes=tuple(routed_here()) if shutil.which("ip", path=SEARCHED) else (),
        own_bridge=own_bridge,
        free_bytes=shutil.disk_usage(above).free,
        wanted=wanted,
    )


def check(facts: Facts, config: MasterConfig, settings: Path) -> None:
    """Trouble, before anything is changed: the first thing that stands in the way."""
    for sentence in troubles(facts, config, settings):
        raise Trouble(sentence)


def troubles(facts: Facts, config: MasterConfig, settings: Path) -> list[str]:
    """Everything that stands in the way, a sentence each, the first to mend first."""
    found = []
    lacking = [name for name in facts.wanted if name not in facts.programs]
    absent = sorted({PROGRAMS[name] for name in lacking if name in PROGRAMS})
    if absent:
        found.append(f"these Debian packages are missing: apt-get install {' '.join(absent)}")
    for package in [STORE_PROGRAMS[name] for name in lacking if name in STORE_PROGRAMS]:
        found.append(f"a Debian package is missing: systemctl mask etcd; apt-get install {package}")
    if "overlay" not in facts.file_systems:
        found.append("the kernel has no overlay file system: modprobe overlay")
    for setting, port in facts.taken_ports:
        found.append(
            f"port {port} is taken (see: ss -ltnp 'sport = :{port}'): stop its owner, or set {setting} in {settings}"
        )
    for key in ("pod_cidr", "service_cidr"):
        network = getattr(config.cluster, key)
        if clash := overlapping(network, facts.routes, facts.own_bridge):
            found.append(f"{key} {network} overlaps this machine's route to {clash}: set another in {settings}")
    if facts.free_bytes < facts.needed_bytes:
        found.append(f"only {facts.free_bytes >> 20} MiB of disk are free and {facts.needed_bytes >> 20} are needed")
    return found


def overlapping(network: str, routes: Iterable[Subnet], own: str) -> str:
    """The route that a range overlaps; those of our own bridge and those inside the range (pods' own) do not count."""
    wanted = ipaddress.IPv4Network(network)
    for route in routes:
        if str(route) != own and wanted.overlaps(route) and not route.subnet_of(wanted):
            return str(route)
    return ""


def is_taken(port: int) -> bool:
    """Whether something listens there, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return True
    return False
