"""`agent announce`: says by mDNS that this board is here, until it is told to stop.

A process of its own: zeroconf's memory is not the agent's to carry.  What it says follows the machine: a new address or a
new state (bare, joined) is told within a few seconds.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

from zeroconf import InterfaceChoice, IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from kube.announcements import SERVICE, Announcement, to_txt
from probes.boards import board, fingerprint, host_key

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
STATE_FILE = Path("var/lib/wherry/cluster-id")
"""Under the root: holds the cluster's id once the board has joined."""


def announcement(root: Path, ssh_port: int) -> Announcement:
    """What this machine says now."""
    facts = board(root)
    cluster = read_cluster(root)
    return Announcement(
        name=facts.hostname,
        id=facts.id,
        model=facts.model,
        architecture=facts.architecture,
        memory=facts.memory >> 20,
        ssh_port=ssh_port,
        key=fingerprint(host_key(root)),
        state="joined" if cluster else "bare",
        cluster=cluster,
    )


def read_cluster(root: Path) -> str:
    try:
        return (root / STATE_FILE).read_text().strip()
    except FileNotFoundError:
        return ""


def addresses() -> list[str]:
    """This machine's IPv4 addresses that others can reach; pods' and bridges' of our own are left out."""
    import psutil

    return sorted(
        entry.address
        for interface, entries in psutil.net_if_addrs().items()
        if not interface.startswith(("lo", "cni", "veth", "docker"))
        for entry in entries
        if entry.family == socket.AF_INET
    )


def service_info(said: Announcement, where: list[str]) -> AsyncServiceInfo:
    return AsyncServiceInfo(
        SERVICE,
        f"{said.name}.{SERVICE}",
        addresses=[socket.inet_aton(address) for address in where],
        port=said.ssh_port,
        properties=to_txt(said),
        server=f"{said.name}.local.",
    )


async def run(root: Path, ssh_port: int = 22) -> None:
    """Announces until cancelled; a change of addresses starts anew, since sockets belong to interfaces."""
    while True:
        where = addresses()
        if where:
            await _announce(root, ssh_port, where)
        await asyncio.sleep(LOOK_SECONDS)


async def _announce(root: Path, ssh_port: int, where: list[str]) -> None:
    """Until the machine's addresses change."""
    said = announcement(root, ssh_port)
    zeroconf = AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only)
    try:
        try:
            await zeroconf.async_register_service(service_info(said, where), cooperating_responders=True)
        except NonUniqueNameException:
            log.warning("another board on this network is called %s too; announcing all the same", said.name)
            await zeroconf.async_register_service(service_info(said, where), allow_name_change=True)
        log.info("announcing name=%s state=%s addresses=%s", said.name, said.state, ",".join(where))
        while addresses() == where:
            now = announcement(root, ssh_port)
            if now != said:
                said = now
                await zeroconf.async_update_service(service_info(said, where))
                log.info("announcing name=%s state=%s", said.name, said.state)
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()
