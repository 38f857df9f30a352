"""The network's loop: the kernel's switches, the CNI file once the node has a pod range, routes when nodes change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.network.cni import FILE_NAME, configuration
from agent.network.commands import NetworkError, ip
from agent.network.routes import PROTOCOL, parse_routes, peers, plan, wanted

log = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0

# Without these a pod reaches no Service: forwarding, and iptables for what one bridge port says to another; nor a program
# of the node a node port at 127.0.0.1 (the proxy's rules keep strangers from it).
SWITCHES = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/route_localnet": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}


@dataclass
class Network:
    """`nodes` gives the Nodes as the informer has them; call `changed()` when they change."""

    node_name: str
    nodes: Callable[[], Iterable[dict[str, Any]]]
    service_cidr: str
    cni_directory: Path = Path("/etc/cni/net.d")
    leases: Path = Path("/run/wherry/cni")
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    problem: str = "the node has no pod range yet"
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.sync()
            except (NetworkError, OSError) as error:
                self.problem = str(error)
                log.error("pod network: %s; next try in %d s", error, SWEEP_SECONDS)
            await self._wait()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), SWEEP_SECONDS)
        except TimeoutError:
            return

    async def sync(self) -> None:
        turn_on_switches()
        nodes = list(self.nodes())
        own = next((n for n in nodes if n["metadata"]["name"] == self.node_name), None)
        cidr = own.get("spec", {}).get("podCIDR", "") if own else ""
        if not cidr:
            return
        write_if_changed(self.cni_directory / FILE_NAME, configuration(cidr, leases=self.leases))
        have = parse_routes(await ip("-j", "-4", "route", "show", "proto", str(PROTOCOL)))
        default = bool(parse_routes(await ip("-j", "-4", "route", "show", "default")))
        lines = plan(wanted(peers(nodes, self.node_name), self.service_cidr, default=default), have)
        if lines:
            await ip("-batch", "-", text="\n".join(lines) + "\n")
            log.info("routes changed: %s", "; ".join(lines))
        self.problem = ""
        self.ready.set()


def turn_on_switches(proc: Path = Path("/proc/sys")) -> None:
    """Sets what differs.  NetworkError names the switch and the module when the kernel has none."""
    for name, value in SWITCHES.items():
        path = proc / name
        try:
            if path.read_text().strip() != value:
                path.write_text(value)
        except FileNotFoundError as error:
            raise NetworkError(f"{path} is missing: load the kernel module br_netfilter") from error


def write_if_changed(path: Path, text: str) -> None:
    """Written whole or not at all, since containerd watches the directory."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    draft.rename(path)
