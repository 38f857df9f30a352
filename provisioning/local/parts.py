"""The parts of a cluster on this machine that do not wait for one another; each finds what is there and adds what is missing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from kube import config as settings
from kube.client import Client
from kube.errors import ApiError
from kube.layout import Layout
from provisioning.etcd.member import is_kept_here
from provisioning.images.keeping import archive_path, ensure_archive
from provisioning.local.contract import Wanted
from provisioning.local.reporting import Steps, Trouble
from provisioning.local.supervised import Keeper, keeper_of, settings_file
from provisioning.programs import programs
from provisioning.virtual.network import Network
from provisioning.virtual.nodes import VirtualNode, all_nodes
from provisioning.virtual.prepared import prepared

MASTER_SECONDS = 30.0
LINK_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


async def raise_master(layout: Layout, steps: Steps) -> None:
    """The master, supervised, until its API says that it is ready; before it, its member of etcd."""
    config = settings.read_master(settings_file(layout))
    if is_kept_here(config):
        from provisioning.etcd.raising import raise_member

        await raise_member(layout, config, steps)
    with steps.step("master") as step:
        keeper = keeper_of(layout)
        changed = await asyncio.to_thread(keeper.ensure)
        otherwise = f"the master does not become ready: see {keeper.log}"
        await hold(lambda: answers_ready(layout, keeper), MASTER_SECONDS, otherwise)
        step.done(changed, "ready" if changed else "")


async def answers_ready(layout: Layout, keeper: Keeper) -> bool:
    """Whether /readyz says ok; Trouble when the master ends as often as it is started."""
    keeper.refuse_crashing()
    if not layout.admin_conf.exists():
        return False
    try:
        async with Client.from_kubeconfig(layout.admin_conf) as client:
            await client.raw("GET", "/readyz")
    except (ApiError, *LINK_FAILURES):
        return False
    return True


def raise_nodes(wanted: Wanted, network: Network | None, steps: Steps) -> list[VirtualNode]:
    """The virtual nodes, running: those asked for, and those that the cluster has already."""
    if network is None:
        return []
    with steps.step("virtual nodes") as step:
        names = {f"node-{number}" for number in range(1, wanted.virtual_nodes + 1)}
        names |= {node.record.name for node in all_nodes(wanted.layout)}
        nodes = [VirtualNode.create(wanted.layout, network, prepared(name, wanted.size)) for name in sorted(names)]
        started = [node.record.name for node in nodes if node.start()]
        step.done(bool(started), ", ".join(f"{node.record.name} {node.record.address}" for node in nodes))
    return nodes


def make_images(layout: Layout, steps: Steps) -> None:
    """The archive of our own images."""
    with steps.step("images") as step:
        step.done(ensure_archive(layout), f"{archive_path(layout).stat().st_size >> 10} KiB")


def make_programs(layout: Layout, steps: Steps) -> None:
    """The archive of what a node runs."""
    folder = layout.state / "programs"
    with steps.step("programs for nodes") as step:
        before = set(folder.glob("*.tar.gz"))
        archive = programs(folder).archive
        step.done(archive not in before, f"{archive.stat().st_size >> 20} MiB")


def link_kubeconfig(layout: Layout) -> Path:
    """`kubeconfig` at the top of the root, the admin's."""
    path = layout.root / "kubeconfig"
    target = layout.admin_conf.relative_to(layout.root)
    if not (path.is_symlink() and path.readlink() == target):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    return path


async def hold(holds: Callable[[], Awaitable[bool]], seconds: float, otherwise: str) -> None:
    """Wait for a condition of the cluster; Trouble says what did not come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return
                await asyncio.sleep(0.1)
    raise Trouble(otherwise)
