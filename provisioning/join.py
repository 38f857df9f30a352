"""Joining machines: who they are, what they lack, the steps over SSH, their certificates, and the wait until they are Ready.

A machine that was enrolled is met by its key: another key under its name ends the join before anything is sent.  What
fails half way is undone, so that the machine is left as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from kube import config as settings
from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.kinds import known
from kube.layout import Layout
from kube.pki import cluster_id
from master.discovery.browsing import Browser, Seen, browse
from probes.boards import architecture, fingerprint
from provisioning import steps
from provisioning.certifying import NotSigned, certify
from provisioning.debian import fetch
from provisioning.enrolments import Enrolled, read, record
from provisioning.images.keeping import ensure_archive, hand_own
from provisioning.joining import ETC, Order, announce, finish, prepare, request_keys
from provisioning.machines import Machine, gather, refusals
from provisioning.programs import Programs, programs
from provisioning.steps import Run, Step
from provisioning.transport import CommandFailed, Link, LinkError, Login, SshLink
from provisioning.virtual.records import Enrolment

NODE = known("v1", "Node")
READY_SECONDS = 60.0
HEARD_SECONDS = 30.0
AT_ONCE = 8  # machines joined at the same time

Tell = Callable[[str, str], None]
"""Told (name of the machine, what happens)."""


class NotReady(Exception):
    """The agent was started and the node is not Ready; the text says what it reports."""


class JoinError(Exception):
    """One sentence: which machine, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A machine to join; `accept` gets its host key line and raises LinkError unless it is the right one."""

    name: str
    address: str
    port: int
    login: Login
    accept: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asks of the new node."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """`changed` is False where there was nothing to do; `planned` holds what a dry run would do."""

    name: str
    changed: bool
    planned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster that machines join, as its master knows it."""

    layout: Layout
    config: MasterConfig
    client: Client
    id: str
    authority: bytes
    programs: Programs

    @staticmethod
    async def of(layout: Layout, client: Client) -> Cluster:
        made = await asyncio.to_thread(programs, layout.state / "programs")
        await asyncio.to_thread(ensure_archive, layout)
        config = settings.read_master(layout.config / "master.toml")
        return Cluster(layout, config, client, cluster_id(layout), (layout.pki / "ca.crt").read_bytes(), made)


async def join_machine(cluster: Cluster, target: Target, wishes: Wishes, tell: Tell) -> Joined:
    """Joins one machine.  JoinError, and the machine is as it was."""
    if target.name and await is_ready(cluster.client, target.name):
        return Joined(target.name, changed=False)
    try:
        link = await asyncio.to_thread(SshLink, target.address, target.port, target.login, target.accept)
    except LinkError as error:
        raise JoinError(f"{target.name or target.address}: {error}") from error
    try:
        return await join_over(cluster, link, target.name, wishes, tell)
    finally:
        link.close()


async def join_over(cluster: Cluster, link: Link, name: str, wishes: Wishes, tell: Tell, address: str = "") -> Joined:
    """Joins the machine behind an open link; `address` is what others reach it by, found by itself when empty."""
    machine = await asyncio.to_thread(gather, link)
    name = name or machine.hostname
    if machine.cluster == cluster.id and await is_ready(cluster.client, name):
        return Joined(name, changed=False)
    said = refusals(
        machine,
        now=time.time(),
        cluster=cluster.id,
        can_serve=(architecture(platform.machine()),),
        python=(sys.version_info.major, sys.version_info.minor),
    )
    if said:
        raise JoinError(f"{name}: {'; and '.join(said)}")
    order = order_for(cluster, link, name, wishes, address)
    if wishes.dry_run:
        return Joined(name, changed=True, planned=tuple(planned(machine, order)))
    await _carry_out(cluster, link, machine, order, lambda title: tell(name, title))
    return Joined(name, changed=True)


def order_for(cluster: Cluster, link: Link, name: str, wishes: Wishes, address: str) -> Order:
    port = cluster.config.api.port
    hosts = dict.fromkeys(filter(None, (link.own_address, *cluster.config.api.advertise)))
    return Order(
        name=name,
        servers=tuple(f"https://{host}:{port}" for host in hosts),
        authority=cluster.authority,
        cluster_id=cluster.id,
        cluster=cluster.config.cluster,
        version=cluster.programs.version,
        archive=cluster.programs.archive,
        address=address,
        labels=wishes.labels,
        taints=wishes.taints,
    )


def planned(machine: Machine, order: Order) -> list[str]:
    """A dry run's lines, up to the keys; what follows them is named."""
    lines = [f"{step.title}: {action}" for step in prepare(machine, order) for action in step.actions]
    request = " ".join(request_keys(order, ("ADDRESS",)))
    return [*lines, f"keys: {request}", "settings and certificates, DNS, agent, announcer"]


async def _carry_out(cluster: Cluster, link: Link, machine: Machine, order: Order, told: Callable[[str], None]) -> None:
    done: list[Step] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            packages = await asyncio.to_thread(fetch, link, machine, Path(folder))
            await run_steps(link, prepare(machine, order, packages), done, told)
        told("keys and certificates")
        done.append(Step("keys", (), (Run(("rm", "-f", str(ETC / "node.key"), str(ETC / "serving.key"))),)))
        addresses = (node_address(link, order),)
        answer = await asyncio.to_thread(link.run, request_keys(order, addresses))
        certificates = await certify(cluster.client, order.name, json.loads(answer.output))
        await run_steps(link, finish(machine, order, certificates), done, told)
        told("waiting until it is Ready")
        await await_ready(cluster.client, order.name)
    except (LinkError, CommandFailed, NotSigned, NotReady, ApiError, aiohttp.ClientError, TimeoutError) as error:
        trouble = await asyncio.to_thread(steps.undo, link, done)
        left = f"; and this could not be undone: {'; '.join(trouble)}" if trouble else "; the machine is as it was"
        raise JoinError(f"{order.name}: {error or type(error).__name__}{left}") from error
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.to_thread(steps.undo, link, done))
        raise
    await run_steps(link, announce(machine), [], told)
    await asyncio.to_thread(drop_key, link, cluster.layout)
    told("images")
    if problem := await hand_own(cluster.layout, cluster.client, order.name):
        raise JoinError(f"{order.name}: is a node and Ready, but got no images: {problem}; try: master image load")


async def run_steps(link: Link, work: Iterable[Step], done: list[Step], told: Callable[[str], None]) -> None:
    """In a thread; when this is cancelled the action under way is finished first, so that nothing runs beside the undoing."""
    halt = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(steps.run, link, work, done, told, halt))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        halt.set()
        with contextlib.suppress(steps.Halted, LinkError, CommandFailed):
            await running
        raise


def node_address(link: Link, order: Order) -> str:
    """What the node is reached by: asked of its own routing towards the master."""
    if order.address:
        return order.address
    host = order.servers[0].removeprefix("https://").rpartition(":")[0]
    code = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        "s.connect((sys.argv[1], 9)); print(s.getsockname()[0])"
    )
    return link.run(("/usr/bin/python3", "-c", code, host)).output.strip()


DROP_KEY = """\
f="$HOME/.ssh/authorized_keys"
[ -f "$f" ] || exit 0
grep -vF "$1" "$f" > "$f.new"
chmod 600 "$f.new"
mv "$f.new" "$f"
"""


def drop_key(link: Link, layout: Layout) -> None:
    """The master's own SSH key is of no more use on a node: from now on the agent is the way in."""
    public = layout.state / "ssh/id_ed25519.pub"
    if public.exists():
        link.run(("sh", "-c", DROP_KEY, "sh", public.read_text().split()[1]))


async def is_ready(client: Client, name: str) -> bool:
    try:
        node = await client.get(NODE, "", name)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return ready(node)


def ready(node: dict[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(row["type"] == "Ready" and row["status"] == "True" for row in conditions)


async def await_ready(client: Client, name: str) -> None:
    """NotReady says why, when the time is over."""
    deadline = time.monotonic() + READY_SECONDS
    while not await is_ready(client, name):
        if time.monotonic() > deadline:
            why = await _reason(client, name)
            raise NotReady(f"it did not get Ready within {READY_SECONDS:.0f} s: {why}")
        await asyncio.sleep(0.1)


async def _reason(client: Client, name: str) -> str:
    try:
        node = await client.get(NODE, "", name)
    except ApiError:
        return "its agent never registered; see /var/log/wherry/wherry-agent.log on it"
    rows = (node.get("status") or {}).get("conditions") or ()
    return next((row.get("message", "") for row in rows if row["type"] == "Ready"), "its agent reports nothing")


# Proven machines


def master_login(layout: Layout) -> Login:
    """The master's own key, which flashed boards and virtual nodes let in until they have joined."""
    return Login("root", (layout.state / "ssh/id_ed25519",))


def same_key(expected: str) -> Callable[[str], None]:
    """Accepts the recorded key and nothing else."""

    def accept(shown: str) -> None:
        if shown.split()[:2] != expected.split()[:2]:
            raise LinkError(
                "it shows another host key than the one recorded for it; either someone else answers in its place, "
                "or it was set up anew: enrol it again before joining"
            )

    return accept


def proven(seen: Seen, enrolled: Enrolled | None) -> bool:
    """Whether the board announces the key that was recorded for its name; the handshake has to prove it yet."""
    return enrolled is not None and seen.said.key == fingerprint(enrolled.host_key)


async def join_all_proven(
    layout: Layout,
    client: Client,
    enrolments: Sequence[Enrolment],
    wishes: Wishes | None = None,
    tell: Tell | None = None,
) -> list[str]:
    """Record the enrolments, hear their machines announce themselves, join those that are no nodes yet.

    Returns the names newly joined.  JoinError names the first that failed; the others are finished before it is raised.
    """
    await record(client, enrolments)
    names = {row.name for row in enrolments}
    missing = {name for name in names if not await is_ready(client, name)}
    if not missing:
        return []
    known_keys = await read(client)
    cluster = await Cluster.of(layout, client)
    heard = await hear(missing, cluster.config.api.advertise)
    silent = sorted(missing - set(heard))
    if silent:
        raise JoinError(
            f"{', '.join(silent)}: not heard by mDNS within {HEARD_SECONDS:.0f} s; is multicast blocked on the bridge?"
        )
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Joined:
        seen = heard[name]
        if seen.said.cluster == cluster.id:  # a node of ours that is coming back
            await await_ready(client, name)
            return Joined(name, changed=False)
        accept = same_key(known_keys[name].host_key)
        target = Target(name, seen.addresses[0], seen.said.ssh_port, master_login(layout), accept)
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
