"""All controllers over one client: built by a table, started when what they read is in.

`run` holds no lock of its own: with several masters, a Lease decides who calls it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from kube import pki
from kube.client import Client
from kube.config import MasterConfig
from kube.layout import Layout
from master.controllers import (
    accounttokens,
    aggregation,
    autoscaling,
    binding,
    bootstraptokens,
    cronning,
    daemonsets,
    deployments,
    disruptions,
    endpointing,
    ephemerals,
    evictions,
    garbage,
    ipam,
    jobbing,
    load_balancers,
    mirroring,
    namespaces,
    nodelife,
    podgc,
    policing,
    protection,
    quotas,
    replicating,
    serviceaccounts,
    signing,
    statefulsets,
)
from master.controllers.context import Context
from master.controllers.loop import Loop

log = logging.getLogger(__name__)

CONTROLLERS: tuple[Callable[[Context], Loop], ...] = (
    namespaces.build,
    serviceaccounts.build_accounts,
    serviceaccounts.build_root_ca,
    accounttokens.build,
    deployments.build,
    replicating.build_replica_sets,
    replicating.build_replication_controllers,
    daemonsets.build,
    statefulsets.build,
    jobbing.build,
    cronning.build,
    autoscaling.build,
    endpointing.build,
    mirroring.build,
    nodelife.build,
    evictions.build,
    disruptions.build,
    ipam.build,
    policing.build,
    load_balancers.build,
    podgc.build,
    binding.build,
    protection.build_claims,
    protection.build_volumes,
    ephemerals.build,
    signing.build,
    aggregation.build,
    bootstraptokens.build,
    quotas.build,
    garbage.build,
)
"""Quotas and garbage collection come last: they read the metadata of what the others keep whole."""


async def run(client: Client, config: MasterConfig, layout: Layout | None = None) -> None:
    """Keep the cluster as it was asked to be, until cancelled; `layout` says where the authority lies, for signing."""
    authority = pki.read_pair(layout, "ca") if layout is not None else None
    root_ca = authority.certificate.decode() if authority is not None else ""
    await run_all(Context(client, config, authority, root_ca))


async def run_all(context: Context) -> None:
    loops = [build(context) for build in CONTROLLERS]
    async with asyncio.TaskGroup() as group:
        context.start(group)
        await context.synced()
        log.info("controllers ready count=%d", len(loops))
        for loop in loops:
            group.create_task(loop.run())
