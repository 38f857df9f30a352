"""`master image build|load|list`: images made here, handed to the nodes, and what each node has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kube.layout import Layout

if TYPE_CHECKING:
    from kube.client import Client


@click.group("image")
def image() -> None:
    """Make images from Debian's packages, and hand archives to the nodes: no registry is needed."""


@image.command("build")
@click.argument("names", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("wherry-images.tar"),
    help="The archive to write.",
)
@click.option("--architecture", default="", help="amd64 or arm64; this machine's own when not given")
def build(names: tuple[str, ...], output: Path, architecture: str) -> None:
    """Make NAMES (pause, busybox, web; all when none is named) into one OCI archive, reproducibly."""
    from provisioning.images.archives import build_archive
    from provisioning.images.catalogue import CATALOGUE, images
    from provisioning.images.packages import PackageMissing

    unknown = [name for name in names if name not in CATALOGUE]
    if unknown:
        raise click.ClickException(f"no image {unknown[0]!r}: there are {', '.join(CATALOGUE)}")
    try:
        made = images(names or tuple(CATALOGUE), architecture)
    except (PackageMissing, ValueError) as error:
        raise click.ClickException(str(error)) from error
    output.write_bytes(build_archive(made))
    for each in made:
        click.echo(f"{each.name} {each.architecture}")
    click.echo(f"written to {output}")


@image.command("load")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--node", "nodes", multiple=True, help="only this node; may be given again")
@click.option(
    "--kubeconfig",
    envvar="KUBECONFIG",
    type=click.Path(path_type=Path),
    default=Layout().admin_conf,
    help="Whose cluster.",
)
def load(archive: Path, nodes: tuple[str, ...], kubeconfig: Path) -> None:
    """Put the images of ARCHIVE (OCI or docker) on the nodes."""
    import tarfile

    from provisioning.images.loading import load_archive

    if not tarfile.is_tarfile(archive):
        raise click.ClickException(f"{archive} is no image archive: an OCI or docker layout in a tar is expected")

    async def run() -> int:
        troubles = 0
        async with _client(kubeconfig) as client:
            async for loaded in load_archive(client, archive, set(nodes) or None):
                click.echo(f"{loaded.node}: {loaded.problem or ', '.join(loaded.images)}", err=bool(loaded.problem))
                troubles += bool(loaded.problem)
        return troubles

    if asyncio.run(run()):
        raise SystemExit(1)


@image.command("list")
@click.option(
    "--kubeconfig",
    envvar="KUBECONFIG",
    type=click.Path(path_type=Path),
    default=Layout().admin_conf,
    help="Whose cluster.",
)
def list_images(kubeconfig: Path) -> None:
    """Which images each node has, as it reports them."""
    from provisioning.images.loading import NODES

    async def run() -> None:
        async with _client(kubeconfig) as client:
            nodes, _ = await client.list(NODES)
        for node in nodes:
            for found in node.get("status", {}).get("images", []):
                size = found.get("sizeBytes", 0) / (1 << 20)
                click.echo(f"{node['metadata']['name']}  {size:8.1f} MiB  {found['names'][-1]}")

    asyncio.run(run())


def _client(kubeconfig: Path) -> Client:
    from kube.client import Client

    if not kubeconfig.exists():
        raise click.ClickException(f"no kubeconfig at {kubeconfig}: set KUBECONFIG or give --kubeconfig")
    return Client.from_kubeconfig(kubeconfig)
