"""`master join`."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kube.commands import CLUSTER_ROOT
from kube.layout import Layout
from provisioning.discovering import LISTEN_SECONDS

if TYPE_CHECKING:
    from kube.client import Client
    from master.discovery.browsing import Seen
    from provisioning.enrolments import Enrolled
    from provisioning.join import Joined, Target, Tell, Wishes
    from provisioning.transport import Login

NOTHING = "is a node already and Ready: nothing to do"


@click.command()
@click.argument("machines", nargs=-1, metavar="NAME|ADDRESS...")
@CLUSTER_ROOT
@click.option("--all-proven", is_flag=True, help="Every board whose recorded key announces itself.")
@click.option("--user", default="root", show_default=True, help="User to come in as: root, or one with sudo.")
@click.option("--port", type=click.IntRange(1, 65535), help="SSH port; announced, or 22.")
@click.option("--identity", type=click.Path(path_type=Path), help="Your private SSH key.")
@click.option("--ask-password", is_flag=True, help="Ask for the password; only with a key that is proven or given.")
@click.option("--host-key", default="", help="The machine's host key as SHA256:..., for one that is not proven.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Label of the new node; may be given again."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON.")
def join(
    machines: tuple[str, ...],
    root: Path,
    all_proven: bool,
    user: str,
    port: int | None,
    identity: Path | None,
    ask_password: bool,
    host_key: str,
    labels: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make boards nodes of this cluster: by the names that `master discover` shows, or by address."""
    if bool(machines) == all_proven:
        raise click.UsageError("name the machines, or give --all-proven")
    layout = Layout(root)
    if not layout.admin_conf.exists():
        raise click.ClickException(
            f"no cluster at {layout.root}: there is no {layout.admin_conf}; run `master up` first"
        )
    from provisioning.join import JoinError, Wishes

    wishes = Wishes(labels=dict(_label(text) for text in labels), dry_run=dry_run)
    asked = Asked(machines, all_proven, _login(layout, user, identity, ask_password), port, host_key, wishes)
    tell = _silent if as_json else _tell
    try:
        outcomes = asyncio.run(_until_stopped(layout, asked, tell))
    except JoinError as error:
        raise click.ClickException(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("interrupted; what was begun was undone", err=True)
        raise SystemExit(130) from None
    _report(outcomes, as_json)


@dataclass(frozen=True, slots=True)
class Asked:
    """What `master join` was asked for."""

    machines: tuple[str, ...]
    all_proven: bool
    login: Login
    port: int | None
    host_key: str
    wishes: Wishes


def _login(layout: Layout, user: str, identity: Path | None, ask_password: bool) -> Login:
    """The operator's key or password where one is given, else the master's own key."""
    from provisioning.proving import master_login
    from provisioning.transport import Login

    password = _password() if ask_password else ""
    keys = (identity,) if identity else () if password else master_login(layout).keys
    return Login(user, keys, password)


def _password() -> str:
    """Typed unseen at a terminal; a line of the standard input where there is none."""
    if sys.stdin.isatty():
        return str(click.prompt("password", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


async def _until_stopped(layout: Layout, asked: Asked, tell: Tell) -> list[Joined]:
    """SIGTERM undoes what was begun, as Ctrl-C does."""
    work = asyncio.ensure_future(_join(layout, asked, tell))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    return await work


async def _join(layout: Layout, asked: Asked, tell: Tell) -> list[Joined]:
    from kube.client import Client
    from provisioning.join import Cluster, JoinError, join_machine

    async with Client.from_kubeconfig(layout.admin_conf) as client:
        targets = await _targets(client, asked)
        cluster = await Cluster.of(layout, client)
        outcomes = await asyncio.gather(
            *(join_machine(cluster, target, asked.wishes, tell) for target in targets), return_exceptions=True
        )
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, JoinError):
            raise outcome
    troubles = [str(outcome) for outcome in outcomes if isinstance(outcome, JoinError)]
    joined = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    if troubles:
        for row in joined:
            tell(row.name, "joined" if row.changed else NOTHING)
        raise JoinError("; ".join(troubles))
    return joined


async def _targets(client: Client, asked: Asked) -> list[Target]:
    """The machines meant, with the keys they must show.  JoinError when a name is not heard."""
    from provisioning import enrolments
    from provisioning.join import JoinError
    from provisioning.proving import standing

    enrolled = await enrolments.read(client)
    known = {name: name for name in asked.machines if _is_address(name)}
    heard = await _hear() if asked.all_proven or len(known) < len(asked.machines) else {}
    names = asked.machines
    if asked.all_proven:
        now = datetime.now(UTC)
        names = tuple(name for name, seen in heard.items() if standing(seen, enrolled.get(name), now) == "proven")
        if not names:
            raise JoinError("no proven board announces itself; see `master discover`")
    return [_target(name, heard.get(name), enrolled, asked) for name in dict.fromkeys(names)]


async def _hear() -> Mapping[str, Seen]:
    from master.discovery.browsing import browse

    async with browse() as browser:
        return {seen.said.name: seen for seen in await browser.settle(LISTEN_SECONDS)}


def _target(name: str, seen: Seen | None, enrolled: Mapping[str, Enrolled], asked: Asked) -> Target:
    from provisioning.join import JoinError, Target
    from provisioning.proving import acceptor

    by_address = _is_address(name)
    address = name if by_address else seen.addresses[0] if seen and seen.addresses else ""
    if not address:
        raise JoinError(f"{name}: not heard on this network; see `master discover`, or give its address")
    port = asked.port or (seen.said.ssh_port if seen else 22)
    ask = (lambda question: _ask(name, question)) if sys.stdin.isatty() else None
    accept = acceptor(enrolled.get(name), asked.host_key, ask, datetime.now(UTC))
    return Target("" if by_address else name, address, port, asked.login, accept)


_TERMINAL = threading.Lock()


def _ask(name: str, question: str) -> str:
    """One question at a time, however many machines are joined."""
    with _TERMINAL:
        return str(click.prompt(f"{name}: {question}", err=True))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _label(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise click.BadParameter(f"{text!r} is no label: write KEY=VALUE", param_hint="--label")
    return key, value


def _tell(name: str, title: str) -> None:
    click.echo(f"{name}: {title}", err=True)


def _silent(_name: str, _title: str) -> None:
    return


def _report(outcomes: list[Joined], as_json: bool) -> None:
    if as_json:
        rows = [{"name": row.name, "changed": row.changed, "planned": list(row.planned)} for row in outcomes]
        click.echo(json.dumps(rows, indent=1))
        return
    for row in outcomes:
        for line in row.planned:
            click.echo(f"{row.name}: would {line}")
        if not row.planned:
            click.echo(f"{row.name}: {'joined and Ready' if row.changed else NOTHING}")
