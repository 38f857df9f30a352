"""Machines that announce themselves and whose keys were recorded: heard, met by their keys, joined."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from kube.client import Client
from kube.layout import Layout
from master.discovery.browsing import Browser, Seen, browse
from provisioning.enrolments import record
from provisioning.join import Cluster, Joined, JoinError, Target, Tell, Wishes, join_machine
from provisioning.proving import master_login, same_key
from provisioning.readiness import NotReady, await_ready, is_ready
from provisioning.virtual.records import Enrolment

HEARD_SECONDS = 30.0
AT_ONCE = 8  # machines joined at the same time


async def join_all_proven(
    layout: Layout,
    client: Client,
    enrolments: Sequence[Enrolment],
    wishes: Wishes | None = None,
    tell: Tell | None = None,
    seconds: float = HEARD_SECONDS,
) -> list[str]:
    """Record the enrolments, hear their machines announce themselves, join those that are no nodes yet.

    Returns the names newly joined.  JoinError names the first that failed; the others are finished before it is raised.
    """
    await record(client, enrolments)
    keys = {row.name: row.host_key for row in enrolments}
    missing = {name for name in keys if not await is_ready(client, name)}
    if not missing:
        return []
    cluster = await Cluster.of(layout, client)
    heard = await hear(missing, cluster.config.api.advertise, seconds)
    silent = sorted(missing - set(heard))
    if silent:
        raise JoinError(
            f"{', '.join(silent)}: not heard by mDNS within {seconds:.0f} s; is multicast blocked on the bridge?"
        )
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Joined:
        seen = heard[name]
        if seen.said.cluster == cluster.id:  # a node of ours that is coming back
            try:
                await await_ready(client, name)
            except NotReady as error:
                raise JoinError(f"{name}: it belongs to this cluster, but {error}") from error
            return Joined(name, changed=False)
        target = Target(name, seen.addresses[0], seen.said.ssh_port, master_login(layout), same_key(keys[name]))
        async with gate:
            return await join_machine(cluster, target, wishes or Wishes(), tell or _silent)

    outcomes = await asyncio.gather(*(one(name) for name in sorted(missing)), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome.name for outcome in outcomes if isinstance(outcome, Joined) and outcome.changed]


def _silent(_name: str, _title: str) -> None:
    return


async def hear(names: set[str], at: Sequence[str], seconds: float = HEARD_SECONDS) -> dict[str, Seen]:
    """The boards of these names that announce themselves, as soon as all are heard.

    `at` are the master's own addresses to listen at: where several clusters share a machine, each has its own link.
    """
    async with browse(list(at)) as browser:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while names - set(_by_name(browser)):
                    await browser.changes.get()
        return {name: seen for name, seen in _by_name(browser).items() if name in names}


def _by_name(browser: Browser) -> dict[str, Seen]:
    return {seen.said.name: seen for seen in browser.boards.values() if seen.addresses}
