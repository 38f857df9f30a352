"""`master vm …`: virtual machines, made and switched."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kube.commands import CLUSTER_ROOT

if TYPE_CHECKING:
    from kube.layout import Layout
    from provisioning.vms.machines import VirtualMachine
    from provisioning.vms.records import Size


@click.group("vm")
def vm() -> None:
    """Machines with a kernel and systemd of their own, run by QEMU: flashed, found and joined like boards."""


@vm.command("up")
@click.argument("count", type=click.IntRange(1, 50), metavar="N")
@CLUSTER_ROOT
@click.option("--arch", type=click.Choice(["amd64"]), default="amd64", show_default=True, help="Architecture.")
@click.option("--memory", type=click.IntRange(384), default=1024, show_default=True, help="MiB of each.")
@click.option("--cpus", type=click.IntRange(1), default=2, show_default=True, help="CPUs of each.")
@click.option("--join/--no-join", default=True, help="Make them nodes of the cluster, where there is one.")
def up(count: int, root: Path, arch: str, memory: int, cpus: int, join: bool) -> None:
    """Have the machines vm-1 to vm-N: flash a card for those that are missing, and switch them on."""
    from kube.layout import Layout
    from provisioning.flashing.pieces import FlashError
    from provisioning.join import JoinError
    from provisioning.vms.building import BuildError
    from provisioning.vms.machines import MachineError
    from provisioning.vms.records import Size

    try:
        _up(Layout(root), [f"vm-{number}" for number in range(1, count + 1)], Size(memory, cpus), arch, join)
    except (BuildError, FlashError, JoinError, MachineError, ValueError, PermissionError) as error:
        raise click.ClickException(str(error)) from error


def _up(layout: Layout, names: list[str], size: Size, arch: str, join: bool) -> None:
    from provisioning.flashing.settings import Programs
    from provisioning.programs import programs
    from provisioning.virtual.commands import the_network
    from provisioning.vms.building import cache, ensure_image
    from provisioning.vms.machines import VirtualMachine
    from provisioning.vms.recipe import Recipe

    image = ensure_image(Recipe(architecture=arch), cache(), click.echo)
    made = programs(layout.state / "programs")
    network = the_network(layout)
    machines = []
    for name in names:
        machine = VirtualMachine.create(layout, network, name, size, image, Programs(made.version, made.archive))
        click.echo(f"{name} {machine.record.address} {'switched on' if machine.start() else 'is on'}")
        machines.append(machine)
    if layout.admin_conf.exists():
        asyncio.run(_enrol(layout, machines, join))


async def _enrol(layout: Layout, machines: list[VirtualMachine], join: bool) -> None:
    """The cluster knows the machines by their keys; joined as soon as they are heard."""
    from kube.client import Client
    from provisioning.enrolments import record
    from provisioning.hearing import join_all_proven

    async with Client.from_kubeconfig(layout.admin_conf) as client:
        enrolments = [machine.enrolment for machine in machines]
        await record(client, enrolments)
        if join:
            await join_all_proven(layout, client, enrolments, tell=_tell, seconds=BOOT_SECONDS)


BOOT_SECONDS = 300.0
"""A machine's first boot where every instruction is emulated on a busy host."""


def _tell(name: str, title: str) -> None:
    click.echo(f"{name}: {title}", err=True)


@vm.command("build")
@click.option("--arch", type=click.Choice(["amd64"]), default="amd64", show_default=True, help="Architecture.")
def build(arch: str) -> None:
    """Have the image that machines are flashed with; needs Debian's archive, which a cluster's own network may not reach."""
    from provisioning.vms.building import BuildError, cache, ensure_image
    from provisioning.vms.recipe import Recipe

    try:
        image = ensure_image(Recipe(architecture=arch), cache(), lambda line: click.echo(line, err=True))
    except (BuildError, PermissionError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(image)


@vm.command("down")
@CLUSTER_ROOT
@click.option("--keep", is_flag=True, help="Keep their cards.")
def down(root: Path, keep: bool) -> None:
    """Switch every machine off and remove it."""
    from kube.layout import Layout
    from provisioning.vms.machines import VirtualMachine, all_machines

    for machine in all_machines(Layout(root)):
        VirtualMachine.kill(machine) if keep else VirtualMachine.destroy(machine)
        click.echo(f"{machine.record.name} is {'off' if keep else 'gone'}")


@vm.command("list")
@CLUSTER_ROOT
def show(root: Path) -> None:
    """Every machine, and whether it is on."""
    from kube.layout import Layout
    from provisioning.vms.machines import all_machines

    for machine in all_machines(Layout(root)):
        state = f"on  pid {machine.process.pid}" if machine.process else "off"
        click.echo(f"{machine.record.name:<20} {machine.record.address:<15} {state}")


@vm.command("start")
@click.argument("name")
@CLUSTER_ROOT
def start(name: str, root: Path) -> None:
    """Switch a machine on."""
    from provisioning.vms.machines import MachineError

    try:
        click.echo(f"{name} is on" if _find(root, name).start() else f"{name} was on")
    except (MachineError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@vm.command("kill")
@click.argument("name")
@CLUSTER_ROOT
def kill(name: str, root: Path) -> None:
    """Pull the plug of a machine; its card stays."""
    click.echo(f"{name} is off" if _find(root, name).kill() else f"{name} was off")


@vm.command("console")
@click.argument("name")
@CLUSTER_ROOT
def console(name: str, root: Path) -> None:
    """What a machine has said on its serial line."""
    path = _find(root, name).places.console
    click.echo(path.read_text(errors="replace") if path.exists() else "", nl=False)


@vm.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
@CLUSTER_ROOT
def execute(name: str, argv: tuple[str, ...], root: Path) -> None:
    """Run a command on a machine, as root."""
    import shlex

    words = _find(root, name).shell([shlex.join(argv)])
    sys.stdout.flush()
    os.execvp(words[0], words)


def _find(root: Path, name: str) -> VirtualMachine:
    from kube.layout import Layout
    from provisioning.vms.machines import VirtualMachine

    machine = VirtualMachine.find(Layout(root), name)
    if machine is None:
        raise click.ClickException(f"no virtual machine is named {name}")
    return machine
