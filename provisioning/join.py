"""Joining one machine: who it is, what it lacks, the steps over its link, its certificates, and the wait until it is Ready.

What fails half way, or is interrupted, is undone: the machine is left as it was, and the cluster knows nothing of it.
"""

from __future__ import annotations

import asyncio
import json
import platform
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp

from kube import config as settings
from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.layout import Layout
from kube.pki import cluster_id
from probes.boards import architecture
from provisioning import steps
from provisioning.certifying import NotSigned, certify
from provisioning.debian import fetch
from provisioning.homes import Home
from provisioning.images.keeping import ensure_archive, hand_own
from provisioning.joining import Certificates, Order, announce, finish, prepare, request_keys, reserved
from provisioning.machines import Machine, gather, refusals
from provisioning.programs import Programs, programs
from provisioning.proving import Accept
from provisioning.readiness import NODE, NotReady, await_ready, find_node, is_ready, last_sign, node_at
from provisioning.steps import Begun, Run, Step
from provisioning.transport import CommandFailed, Link, LinkError, Login, SshLink, last_words

T = TypeVar("T")
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
Tell = Callable[[str, str], None]
"""Told (name of the machine, what happens)."""
FAILURES = (LinkError, CommandFailed, NotSigned, NotReady, ApiError, aiohttp.ClientError, TimeoutError)


class JoinError(Exception):
    """One sentence: which machine, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A machine to join; the name is empty where only its address is known."""

    name: str
    address: str
    port: int
    login: Login
    accept: Accept


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asks of the new node; `address` is what others reach it by, found by itself when empty."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()
    dry_run: bool = False
    address: str = ""


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
    """Joins one machine over SSH.  JoinError, and the machine is as it was."""
    known = target.name or await node_at(cluster.client, target.address)
    if known and await is_ready(cluster.client, known):
        return Joined(known, changed=False)
    try:
        link = await asyncio.to_thread(SshLink, target.address, target.port, target.login, target.accept)
    except LinkError as error:
        raise JoinError(f"{target.name or target.address}: {error}") from error
    try:
        joined = await join_over(cluster, link, target.name, wishes, tell)
        if joined.changed and not wishes.dry_run:
            await asyncio.to_thread(drop_key, link, cluster.layout)
        return joined
    except LinkError as error:
        raise JoinError(f"{target.name or target.address}: {error}") from error
    finally:
        link.close()


async def join_over(
    cluster: Cluster, link: Link, name: str, wishes: Wishes, tell: Tell, home: Home | None = None
) -> Joined:
    """Joins the machine behind an open link."""
    home = home or Home()
    machine = await asyncio.to_thread(gather, link, home)
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
    if not NAME.fullmatch(name):
        said.append("its name is none for a node: a-z, 0-9, - and . in it, 253 letters at most; change its host name")
    if said:
        raise JoinError(f"{name}: {'; and '.join(said)}")
    order = order_for(cluster, link, name, wishes, home)
    if wishes.dry_run:
        return Joined(name, changed=True, planned=tuple(planned(machine, order)))
    await Joining(cluster, link, machine, order, lambda title: tell(name, title)).run()
    return Joined(name, changed=True)


def order_for(cluster: Cluster, link: Link, name: str, wishes: Wishes, home: Home) -> Order:
    port = cluster.config.api.port
    hosts = dict.fromkeys(filter(None, (link.own_address, *cluster.config.api.advertise)))
    return Order(
        name=name,
        servers=tuple(f"https://{host}:{port}" for host in hosts or ("127.0.0.1",)),
        authority=cluster.authority,
        cluster_id=cluster.id,
        cluster=cluster.config.cluster,
        version=cluster.programs.version,
        archive=cluster.programs.archive,
        address=wishes.address,
        labels=wishes.labels,
        taints=wishes.taints,
        home=home,
    )


def planned(machine: Machine, order: Order) -> list[str]:
    """A dry run's lines; what is signed on the way is not known yet, so its files are empty."""
    unsigned = Certificates(b"", b"")
    later = (request_keys(order, ("ADDRESS",)), *finish(machine, order, unsigned), *announce(machine, order))
    return [f"{step.title}: {action}" for step in (*prepare(machine, order), *later) for action in step.actions]


@dataclass
class Joining:
    """One machine's way into the cluster; `done` is what would have to be undone."""

    cluster: Cluster
    link: Link
    machine: Machine
    order: Order
    told: Callable[[str], None]
    done: list[Begun] = field(default_factory=list)

    async def run(self) -> None:
        client, name = self.cluster.client, self.order.name
        was_known = await find_node(client, name) is not None
        before = await last_sign(client, name)
        try:
            await self._carry_out()
            self.told("waiting until it is Ready")
            await await_ready(client, name, before)
            if labels := reserved(self.order.labels):
                await client.patch(NODE, "", name, {"metadata": {"labels": labels}})
        except FAILURES as error:
            said = self._explain(error)
            trouble = await self._take_back(forget=not was_known)
            left = f"; and this could not be undone: {'; '.join(trouble)}" if trouble else "; the machine is as it was"
            raise JoinError(f"{name}: {said}{left}") from error
        except asyncio.CancelledError:
            self.told("interrupted: undoing what was begun")
            for row in await asyncio.shield(self._take_back(forget=not was_known)):
                self.told(f"could not be undone: {row}")
            raise
        try:
            await self._run_steps(announce(self.machine, self.order))
        except (LinkError, CommandFailed) as error:
            raise JoinError(f"{name}: is a node and Ready, but does not announce itself: {error}") from error
        self.told("images")
        if problem := await hand_own(self.cluster.layout, client, name):
            raise JoinError(f"{name}: is a node and Ready, but got no images: {problem}; try: master image load")

    async def _carry_out(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            packages = await finished(lambda: fetch(self.link, self.machine, Path(folder)))
            await self._run_steps(prepare(self.machine, self.order, packages))
        requests = await self._request()
        certificates = await certify(self.cluster.client, self.order.name, requests)
        await self._run_steps(finish(self.machine, self.order, certificates))

    async def _request(self) -> dict[str, str]:
        address = self.order.address or await finished(lambda: route_source(self.link, self.order.servers[0]))
        step = request_keys(self.order, (address,))
        self.told(step.title)
        self.done.append(await finished(lambda: steps.look(self.link, step)))
        answer = await finished(lambda: self.link.run(command_of(step)))
        requests: dict[str, str] = json.loads(answer.output)
        return requests

    async def _run_steps(self, work: Iterable[Step]) -> None:
        """In a thread; when this is cancelled the action under way is finished first, so that nothing runs beside undoing."""
        halt = threading.Event()
        await finished(lambda: steps.run(self.link, work, self.done, self.told, halt), halt)

    def _explain(self, error: Exception) -> str:
        """The error, with the agent's last words where it did not get Ready."""
        if not isinstance(error, NotReady) or self.machine.systemd:
            return str(error) or type(error).__name__
        log = self.order.home.log(self.order.home.agent_service)
        try:
            said = self.link.run(("tail", "-n", "2", str(log)), check=False).output
        except LinkError:
            return str(error)
        return f"{error}; its log ends with: {last_words(said)}"

    async def _take_back(self, *, forget: bool) -> list[str]:
        """Undoes the steps, and the Node where there was none before."""
        trouble = await asyncio.to_thread(steps.undo, self.link, self.done)
        if forget and self.done:
            try:
                await self.cluster.client.delete(NODE, "", self.order.name)
            except ApiError as error:
                if error.status != 404:
                    trouble.append(f"node {self.order.name} is still known to the API: {error}")
            except (aiohttp.ClientError, TimeoutError):
                trouble.append(f"the API does not answer: if it knows a node {self.order.name}, delete that")
        return trouble


def command_of(step: Step) -> tuple[str, ...]:
    (action,) = step.actions
    assert isinstance(action, Run)
    return action.argv


async def finished(work: Callable[[], T], halt: threading.Event | None = None) -> T:
    """Runs `work` in a thread; when this is cancelled, `halt` is set and the thread is waited for."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if halt is not None:
            halt.set()
        await asyncio.wait([running])
        running.exception()
        raise


def route_source(link: Link, server: str) -> str:
    """What the node is reached by: asked of its own routing towards the master."""
    host = server.removeprefix("https://").rpartition(":")[0]
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
