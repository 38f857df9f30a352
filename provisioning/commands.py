"""`master discover` and `master join`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kube.commands import CLUSTER_ROOT
from kube.layout import Layout

if TYPE_CHECKING:
    from kube.client import Client
    from master.discovery.browsing import Seen
    from provisioning.enrolments import Enrolled
    from provisioning.join import Cluster, Joined, Target, Tell, Wishes
    from provisioning.transport import Login

LISTEN_SECONDS = 2.5


@click.command()
@CLUSTER_ROOT
@click.option("--watch", is_flag=True, help="Go on listening; Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a board.")
@click.option(
    "--seconds", type=click.FloatRange(0.5, 60), default=LISTEN_SECONDS, show_default=True, help="How long to listen."
)
def discover(root: Path, watch: bool, as_json: bool, seconds: float) -> None:
    """List the boards that announce themselves, and whether their keys are known."""

    async def run() -> None:
        from master.discovery.browsing import browse

        enrolled = await _enrolments(Layout(root))
        async with browse() as browser:
            found = await browser.settle(seconds)
            _show([_row(seen, enrolled) for seen in found], as_json, heading=True)
            while watch:
                name = await browser.changes.get()
                changed = browser.boards.get(name)
                if changed:
                    _show([_row(changed, enrolled)], as_json, heading=False)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


async def _enrolments(layout: Layout) -> dict[str, Enrolled]:
    """What the cluster has recorded; nothing where there is no cluster to ask."""
    from kube.client import Client
    from provisioning import enrolments

    if not layout.admin_conf.exists():
        return {}
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        return await enrolments.read(client)


def _row(seen: Seen, enrolled: dict[str, Enrolled]) -> dict[str, Any]:
    said = seen.said
    return {
        "name": said.name,
        "address": seen.addresses[0] if seen.addresses else "",
        "model": said.model,
        "arch": said.architecture,
        "memory": f"{said.memory} MiB",
        "state": said.state,
        "key": standing(seen, enrolled.get(said.name)),
        "fingerprint": said.key,
    }


def standing(seen: Seen, enrolled: Enrolled | None) -> str:
    """What the announced key is to us: proven when a handshake shows the recorded one, conflict when it shows another."""
    from provisioning.join import proven
    from provisioning.transport import LinkError, shown_key

    if enrolled is None:
        return "unproven"
    if not proven(seen, enrolled):
        return "conflict"
    try:
        shown = shown_key(seen.addresses[0], seen.said.ssh_port)
    except (LinkError, IndexError):
        return "unproven"
    return "proven" if shown.split()[:2] == enrolled.host_key.split()[:2] else "conflict"


def _show(rows: list[dict[str, Any]], as_json: bool, *, heading: bool) -> None:
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    columns = ("name", "address", "model", "arch", "memory", "state", "key")
    widths = (16, 16, 32, 6, 10, 8, 8)
    if heading:
        click.echo(
            _line([name.upper() for name in columns], widths)
            if rows
            else "no board announces itself; is it on this network?"
        )
    for row in rows:
        click.echo(_line([str(row[name]) for name in columns], widths))


def _line(cells: list[str], widths: tuple[int, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


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
    from provisioning.join import JoinError, Wishes, master_login
    from provisioning.transport import Login

    wishes = Wishes(labels=dict(_label(text) for text in labels), dry_run=dry_run)
    password = click.prompt("password", hide_input=True, err=True) if ask_password else ""
    keys = (identity,) if identity else master_login(layout).keys
    asked = Asked(machines, all_proven, Login(user, keys, password), port, host_key, wishes)
    tell = _silent if as_json else _tell
    try:
        outcomes = asyncio.run(_join(layout, asked, tell))
    except JoinError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted; what was begun was undone", err=True)
        raise SystemExit(130) from None
    _report(outcomes, as_json)


class Asked:
    """What `master join` was asked for."""

    def __init__(
        self, machines: tuple[str, ...], all_proven: bool, login: Login, port: int | None, host_key: str, wishes: Wishes
    ) -> None:
        self.machines = machines
        self.all_proven = all_proven
        self.login = login
        self.port = port
        self.host_key = host_key
        self.wishes = wishes


async def _join(layout: Layout, asked: Asked, tell: Tell) -> list[Joined]:
    from kube.client import Client
    from provisioning.join import Cluster, JoinError, join_machine

    async with Client.from_kubeconfig(layout.admin_conf) as client:
        cluster = await Cluster.of(layout, client)
        targets = await _targets(cluster, client, asked)
        outcomes = await asyncio.gather(
            *(join_machine(cluster, target, asked.wishes, tell) for target in targets), return_exceptions=True
        )
    troubles = [str(outcome) for outcome in outcomes if isinstance(outcome, JoinError)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, JoinError):
            raise outcome
    joined = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    if troubles:
        for row in joined:
            tell(row.name, "joined" if row.changed else "is a node already and Ready: nothing to do")
        raise JoinError("; ".join(troubles))
    return joined


async def _targets(cluster: Cluster, client: Client, asked: Asked) -> list[Target]:
    """The machines meant, with the keys they must show.  JoinError when a name is not heard."""
    from master.discovery.browsing import browse
    from provisioning import enrolments
    from provisioning.join import JoinError, Target

    enrolled = await enrolments.read(client)
    async with browse() as browser:
        heard = {seen.said.name: seen for seen in await browser.settle(LISTEN_SECONDS)}
    names = asked.machines
    if asked.all_proven:
        names = tuple(name for name, seen in heard.items() if standing(seen, enrolled.get(name)) == "proven")
        if not names:
            raise JoinError("no proven board announces itself; see `master discover`")
    targets = []
    for name in names:
        seen = heard.get(name)
        address = name if _is_address(name) else seen.addresses[0] if seen and seen.addresses else ""
        if not address:
            raise JoinError(f"{name}: not heard on this network; see `master discover`, or give its address")
        port = asked.port or (seen.said.ssh_port if seen else 22)
        shown_name = "" if _is_address(name) else name
        targets.append(Target(shown_name, address, port, asked.login, _acceptor(name, enrolled.get(name), asked)))
    return targets


def _acceptor(name: str, enrolled: Enrolled | None, asked: Asked) -> Callable[[str], None]:
    """Who decides about the host key: the record, the operator's --host-key, or the operator who compares a code."""
    from probes.boards import fingerprint, short_code
    from provisioning.join import same_key
    from provisioning.transport import LinkError

    if enrolled is not None:
        return same_key(enrolled.host_key)

    def accept(shown: str) -> None:
        if asked.host_key:
            if fingerprint(shown) != asked.host_key:
                raise LinkError(
                    f"{name} shows the host key {fingerprint(shown)}, not {asked.host_key}; this is another machine"
                )
            return
        if not sys.stdin.isatty():
            raise LinkError(
                "it is not proven: give its host key with --host-key (on its console: ssh-keygen -lf "
                "/etc/ssh/ssh_host_ed25519_key.pub), or run this in a terminal to compare a code"
            )
        click.echo(
            f"{name} is not proven.  Its console shows a code by `agent code`; is it {short_code(shown)}?", err=True
        )
        if click.prompt("type the code from its console", err=True).strip().upper() != short_code(shown):
            raise LinkError(
                f"{name}: the codes differ, so this is not the machine whose console you see; nothing was sent to it"
            )

    return accept


def _is_address(text: str) -> bool:
    import ipaddress

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
            click.echo(
                f"{row.name}: joined and Ready"
                if row.changed
                else f"{row.name}: is a node already and Ready: nothing to do"
            )
