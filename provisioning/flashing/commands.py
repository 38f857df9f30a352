"""`master flash`: an image onto cards, each made a board of this cluster."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kube.commands import CLUSTER_ROOT

if TYPE_CHECKING:
    from provisioning.flashing.flashing import Job
    from provisioning.flashing.sources import Source

GB = 10**9
SHOW_SECONDS = 0.2


@click.command("flash")
@click.argument("image", required=False)
@click.argument("devices", nargs=-1, metavar="DEVICE...")
@CLUSTER_ROOT
@click.option("--list", "listing", is_flag=True, help="List the devices there are.")
@click.option("--checksum", default="", metavar="sha256:HEX", help="Of the image file; one from the network needs it.")
@click.option("--name-template", default="pi-{n}", show_default=True, help="Host names; {n} is the next free number.")
@click.option(
    "--ssh-key",
    "ssh_keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your public key, let in as root; may be given again.",
)
@click.option("--wifi", default="", metavar="SSID", help="Its password is asked for, or read from the standard input.")
@click.option("--wifi-country", default="", metavar="CC", help="The country whose radio rules hold, such as DE.")
@click.option("--timezone", default="", help="Such as Europe/Berlin.")
@click.option("--address", default="", metavar="ADDRESS/PREFIX", help="A fixed address, for one device; else DHCP.")
@click.option("--gateway", default="", help="The router, with a fixed address.")
@click.option("--plain", is_flag=True, help="Write the image as it is: no name, no key, no settings.")
@click.option(
    "--max-size", type=click.IntRange(1), default=256, show_default=True, help="GB of the largest device meant."
)
@click.option("--force", is_flag=True, help="Larger devices too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a device.")
def flash(
    image: str | None,
    devices: tuple[str, ...],
    root: Path,
    listing: bool,
    checksum: str,
    name_template: str,
    ssh_keys: tuple[Path, ...],
    wifi: str,
    wifi_country: str,
    timezone: str,
    address: str,
    gateway: str,
    plain: bool,
    max_size: int,
    force: bool,
    as_json: bool,
) -> None:
    """Write an image onto cards, read it back, and record each board's key: it is known before it ever boots.

    IMAGE is a file, .xz, .zst, .gz or .zip too, or an http(s) URL; a .bmap beside a file is used.  The first sector is
    written last, so what is interrupted does not boot.
    """
    from kube.layout import Layout
    from provisioning.flashing.flashing import Job
    from provisioning.flashing.ordering import Order, cards, enrol, fixed, public_keys, refuse, wireless
    from provisioning.flashing.pieces import FlashError
    from provisioning.flashing.sources import open_source

    if listing:
        _list(as_json)
        return
    if not image or not devices:
        raise click.UsageError("name an image and at least one device, or give --list")
    layout = Layout(root)
    try:
        source = open_source(image, checksum)
        refuse(devices, source, max_size * GB, force)
        network = fixed(address, gateway, len(devices))
        order = Order(name_template, public_keys(ssh_keys), wireless(wifi, wifi_country, _password), timezone, network)
        each = [None] * len(devices) if plain else asyncio.run(cards(layout, order, len(devices)))
    except FlashError as error:
        raise click.ClickException(str(error)) from error
    jobs = [Job(path, settings) for path, settings in zip(devices, each, strict=True)]
    stopped = _run(source, jobs, as_json)
    asyncio.run(enrol(layout, jobs))
    _report(jobs, as_json)
    if stopped:
        raise SystemExit(130)
    if any(job.problem for job in jobs):
        raise SystemExit(1)


def _password() -> str:
    """Typed unseen at a terminal; a line of the standard input where there is none."""
    if sys.stdin.isatty():
        return str(click.prompt("password of the Wi-Fi", hide_input=True, err=True))
    return sys.stdin.readline().rstrip("\n")


def _run(source: Source, jobs: Sequence[Job], as_json: bool) -> bool:
    """Flash, showing how far each device is; True when Ctrl-C ended it."""
    from provisioning.flashing.flashing import flash

    halt, stopped = threading.Event(), False
    work = threading.Thread(target=flash, args=(source, jobs, halt))
    work.start()
    with _bars(source, jobs, shown=not as_json) as show:
        while work.is_alive():
            try:
                work.join(SHOW_SECONDS)
                show()
            except KeyboardInterrupt:
                stopped = True
                halt.set()
    return stopped


@contextmanager
def _bars(source: Source, jobs: Sequence[Job], *, shown: bool) -> Iterator[Callable[[], None]]:
    """A bar a device, with its rate and the time that remains where the image's size is known."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not shown) as progress:
        rows = {job.path: progress.add_task(job.path, total=None) for job in jobs}

        def show() -> None:
            for job in jobs:
                words = f"{job.path} {job.phase.value}"
                progress.update(rows[job.path], description=words, completed=job.done, total=source.size or None)

        yield show


def _report(jobs: Sequence[Job], as_json: bool) -> None:
    for job in jobs:
        name = job.settings.name if job.settings else ""
        key = job.settings.identity.public if job.settings else ""
        if as_json:
            row = {"device": job.path, "name": name, "key": key, "state": job.phase.value, "problem": job.problem}
            click.echo(json.dumps(row))
        elif job.problem:
            click.echo(f"Error: {job.problem}", err=True)
        else:
            click.echo(f"{job.path}: written and read back{f'; boots as {name}' if name else ''}")


def _list(as_json: bool) -> None:
    from provisioning.flashing.devices import all_devices

    for device in all_devices():
        if as_json:
            click.echo(json.dumps(asdict(device)))
            continue
        holds = ", ".join(device.holds) or "nothing known"
        place = f"  mounted at {', '.join(device.mounted)}" if device.mounted else ""
        words = f"{device.model or device.kind} {device.bus}".strip()
        click.echo(f"{device.path:<16} {device.size / GB:8.1f} GB  {words:<28} {holds}{place}")
