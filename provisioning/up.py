"""`master up`: a whole cluster on this machine, told step by step."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provisioning.local.contract import Outcome, Wanted
    from provisioning.local.reporting import Steps

MIB = 1 << 20
CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"


@click.command("up")
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), default=Path("/"), help="all files lie under it"
)
@click.option(
    "--virtual-nodes", type=click.IntRange(0, 200), default=0, help="nodes made of namespaces on this machine"
)
@click.option("--memory", type=click.IntRange(256), default=1024, help="MiB of memory of a virtual node")
@click.option("--cpus", type=click.FloatRange(0.1), default=1.0, help="CPUs of a virtual node")
@click.option(
    "--virtual-subnet", default="", help="their subnet, such as 10.99.0.0/24; a free one is found when not given"
)
@click.option("--no-node", is_flag=True, help="this machine does not become a node itself")
@click.option("--taint", is_flag=True, help="as a node, this machine takes only pods that tolerate a control plane")
@click.option("--store", type=click.Choice(["sqlite", "etcd"]), help="where a new cluster's state lies; sqlite")
@click.option("--no-sample", is_flag=True, help="deploy no sample")
@click.option("-q", "--quiet", is_flag=True, help="only the result")
@click.option("--json", "as_json", is_flag=True, help="the result as JSON")
def up(
    root: Path,
    virtual_nodes: int,
    memory: int,
    cpus: float,
    virtual_subnet: str,
    no_node: bool,
    taint: bool,
    store: str | None,
    no_sample: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Raise a cluster on this machine; run again, it finds what is there and changes nothing."""
    from kube.layout import Layout
    from provisioning.local.contract import Wanted
    from provisioning.local.reporting import Steps
    from provisioning.virtual.records import Size

    size = Size(memory * MIB, cpus)
    taints = (CONTROL_PLANE_TAINT,) if taint else ()
    wanted = Wanted(Layout(root), virtual_nodes, size, virtual_subnet, not no_node, taints, not no_sample, store or "")
    steps = Steps(say=(lambda line: None) if quiet or as_json else click.echo)
    outcome = _run(wanted, steps)
    if as_json:
        click.echo(json.dumps(_document(outcome, steps), indent=1))
    else:
        _show(outcome, steps)


def _run(wanted: Wanted, steps: Steps) -> Outcome:
    """The cluster, or one sentence and exit code 1; 130 when it was interrupted."""
    from kube.config import SettingsError
    from provisioning.join import JoinError
    from provisioning.local.raising import raise_cluster
    from provisioning.local.reporting import Trouble

    try:
        return asyncio.run(raise_cluster(wanted, steps))
    except KeyboardInterrupt:
        click.echo("interrupted: run it again to go on, or `master down` to take away what is there", err=True)
        raise SystemExit(130) from None
    except (Trouble, SettingsError, JoinError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except PermissionError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}: run it again with sudo") from error


def _document(outcome: Outcome, steps: Steps) -> dict[str, Any]:
    return {
        "changed": steps.changed,
        "seconds": round(steps.clock() - steps.begun, 2),
        "steps": [
            {"title": row.title, "changed": row.changed, "seconds": round(row.seconds, 2), "note": row.note}
            for row in steps.rows
        ],
        "kubeconfig": str(outcome.kubeconfig.absolute()),
        "nodes": [node_row(node) for node in outcome.nodes],
        "pods": [pod_row(pod) for pod in outcome.pods],
        "service": outcome.address,
        "answers": outcome.answers,
    }


def node_row(node: dict[str, Any]) -> dict[str, str]:
    """What the table says of a node."""
    status = node.get("status", {})
    ready = next((row["status"] for row in status.get("conditions") or () if row["type"] == "Ready"), "Unknown")
    addresses = {row["type"]: row["address"] for row in status.get("addresses") or ()}
    return {
        "name": node["metadata"]["name"],
        "status": "Ready" if ready == "True" else "NotReady",
        "address": addresses.get("InternalIP", ""),
        "cpu": str(status.get("capacity", {}).get("cpu", "")),
        "memory": str(status.get("capacity", {}).get("memory", "")),
        "version": status.get("nodeInfo", {}).get("kubeletVersion", ""),
    }


def pod_row(pod: dict[str, Any]) -> dict[str, str]:
    """What the table says of a pod."""
    return {
        "namespace": pod["metadata"]["namespace"],
        "name": pod["metadata"]["name"],
        "status": pod.get("status", {}).get("phase", ""),
        "address": pod.get("status", {}).get("podIP", ""),
        "node": pod.get("spec", {}).get("nodeName", ""),
    }


def _show(outcome: Outcome, steps: Steps) -> None:
    """Tables, answers, and what to type next."""
    from rich.console import Console

    console = Console()
    for rows in ([node_row(node) for node in outcome.nodes], [pod_row(pod) for pod in outcome.pods]):
        if rows:
            console.print(_table(rows))
    for name, answer in outcome.answers.items():
        click.echo(f"{name}: http://{outcome.address} says: {answer}")
    if outcome.answers:
        click.echo()
    seconds = steps.clock() - steps.begun
    click.echo(f"up in {seconds:.1f} s" if steps.changed else f"nothing to do, all was there ({seconds:.1f} s)")
    click.echo(
        f"next:\n  export KUBECONFIG={outcome.kubeconfig.absolute()} PATH={Path(sys.prefix) / 'bin'}:$PATH\n"
        "  kubectl get nodes -o wide\n  master doctor"
    )


def _table(rows: list[dict[str, str]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name.upper(), no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table
