"""A virtual machine's life: create (a card is flashed), start, kill (pull the plug), destroy.  Each can be repeated."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kube.layout import Layout
from provisioning.flashing.filesystems import boot_and_root
from provisioning.flashing.flashing import Job, Phase, flash
from provisioning.flashing.pieces import CHUNK
from provisioning.flashing.settings import NAME, Programs, Settings, make_identity
from provisioning.flashing.settings import Network as Address
from provisioning.flashing.sources import open_source
from provisioning.virtual.filling import make_key
from provisioning.virtual.locking import held
from provisioning.virtual.network import (
    Network,
    apply_batch,
    hardware_address,
    link_exists,
    link_name,
    remove_link,
)
from provisioning.virtual.nodes import end_process, master_key
from provisioning.virtual.records import Enrolment, Process, load, save
from provisioning.vms.qemu import accelerator, command, kvm_works
from provisioning.vms.records import Places, Record, Size, all_folder

FIRST = 101
"""The last number of the first machine's address: virtual nodes have those before."""
START_SECONDS = 60.0


class MachineError(Exception):
    """One sentence: what is wrong with a virtual machine."""


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """One virtual machine of a cluster's root."""

    layout: Layout
    record: Record

    @staticmethod
    def create(
        layout: Layout, network: Network, name: str, size: Size, image: Path, programs: Programs
    ) -> VirtualMachine:
        """Flash a card for a machine of this name, or return the one that there is."""
        if not NAME.fullmatch(name):
            raise MachineError(f"{name!r} is not a name for a machine: a-z, 0-9 and -, 63 at most")
        folder = all_folder(layout)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with held(folder):
            known = VirtualMachine.find(layout, name)
            return known or VirtualMachine._make(layout, network, name, size, image, programs)

    @staticmethod
    def _make(
        layout: Layout, network: Network, name: str, size: Size, image: Path, programs: Programs
    ) -> VirtualMachine:
        """The record last: a folder without one is what an interruption left."""
        places = Places.of(layout, name)
        shutil.rmtree(places.folder, ignore_errors=True)
        places.folder.mkdir(parents=True)
        identity = make_identity(name)
        record = Record(
            name=name,
            address=next_address(network.subnet, [row.record.address for row in all_machines(layout)]),
            bridge=network.bridge,
            tap=link_name(network.bridge, name),
            mac=hardware_address(network.bridge, name),
            memory=size.memory,
            cpus=size.cpus,
            host_key=" ".join(identity.public.split()[:2]),
        )
        keys = tuple(path.with_suffix(".pub").read_text().strip() for path in (master_key(layout), console_key(layout)))
        address = Address(f"{record.address}/{network.prefix}", network.gateway)
        settings = Settings(name, identity, keys, network=address, programs=programs)
        flash_card(image, places.card, settings)
        save(places.record, record)
        return VirtualMachine(layout, record)

    @staticmethod
    def find(layout: Layout, name: str) -> VirtualMachine | None:
        """The machine of this name, if there is one."""
        row = load(Places.of(layout, name).record)
        return VirtualMachine(layout, Record(**row)) if row else None

    @property
    def places(self) -> Places:
        return Places.of(self.layout, self.record.name)

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment(self.record.name, self.record.host_key)

    @property
    def process(self) -> Process | None:
        """Its QEMU; None when the machine is off."""
        row = load(self.places.process)
        process = Process(**row) if row else None
        return process if process and process.alive else None

    def start(self) -> bool:
        """Switch the machine on; False where it runs already."""
        with held(self.places.folder):
            if self.process:
                return False
            self._sweep()
            cmdline, kernel = self._firmware()
            apply_batch(cable_batch(self.record))
            self._launch(cmdline, kernel)
        return True

    def _firmware(self) -> tuple[str, bytes]:
        """Kernel and command line, as the card's FAT has them now."""
        with self.places.card.open("rb") as card:
            fat, _ = boot_and_root(str(self.places.card), card.read(CHUNK))
        if fat is None:
            raise MachineError(f"{self.record.name} has a card without a boot partition: it is not flashed to its end")
        found = {name: fat.read(name) for name in ("vmlinuz", "initrd.img", "cmdline.txt")}
        for name, content in found.items():
            if not content:
                raise MachineError(f"{self.record.name} does not boot: there is no {name} on its card")
            (self.places.folder / name).write_bytes(content)
        return (found["cmdline.txt"] or b"").decode().strip(), found["vmlinuz"] or b""

    def _launch(self, cmdline: str, kernel: bytes) -> None:
        words = command(self.record, self.places.folder, cmdline, accelerator(kvm_works(kernel)))
        done = subprocess.run(words, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if done.returncode:
            self._sweep()
            raise MachineError(f"{self.record.name} did not start: {done.stderr.strip()}")
        process = Process.of(int((self.places.folder / "qemu.pid").read_text()))
        if process is None:
            raise MachineError(f"{self.record.name} ended at once: see {self.places.console}")
        save(self.places.process, process)

    def kill(self) -> bool:
        """Pull the plug: what the machine has not written is lost; False where it was off."""
        with held(self.places.folder):
            return self._stop()

    def _stop(self) -> bool:
        process = self.process
        if process:
            end_process(process)
        self._sweep()
        return process is not None

    def destroy(self) -> bool:
        """Leave nothing of the machine; False where it was off."""
        with held(self.places.folder):
            was_on = self._stop()
            shutil.rmtree(self.places.folder)
        return was_on

    def shell(self, argv: Sequence[str]) -> list[str]:
        """What to run on the host for a command on the machine, as root, by a key that joining leaves in place."""
        known = self.places.folder / "known_hosts"
        known.write_text(f"{self.record.address} {self.record.host_key}\n")
        options = {"UserKnownHostsFile": known, "BatchMode": "yes", "ConnectTimeout": 20, "LogLevel": "ERROR"}
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-i", str(console_key(self.layout)), *words, f"root@{self.record.address}", "--", *argv]

    def _sweep(self) -> None:
        """Clear what a dead machine leaves on the host."""
        if link_exists(self.record.tap):
            remove_link(self.record.tap)
        self.places.process.unlink(missing_ok=True)


def flash_card(image: Path, card: Path, settings: Settings) -> None:
    """A blank file as large as the image, flashed as any card is."""
    with card.open("wb") as file:
        file.truncate(image.stat().st_size)
    job = Job(str(card), settings)
    flash(open_source(str(image)), [job], threading.Event())
    if job.phase is not Phase.DONE:
        raise MachineError(job.problem)


def cable_batch(record: Record) -> str:
    """What plugs a machine into the bridge, for `ip -batch`."""
    return f"tuntap add dev {record.tap} mode tap\nlink set {record.tap} master {record.bridge}\nlink set {record.tap} up\n"


def next_address(subnet: str, taken: Sequence[str]) -> str:
    """The next free address for a machine, from the hundred-and-first on."""
    hosts = [str(address) for address in list(ipaddress.IPv4Network(subnet).hosts())[FIRST - 1 :]]
    found = next((address for address in hosts if address not in taken), "")
    if not found:
        raise MachineError(f"no free address for a machine in {subnet}")
    return found


def console_key(layout: Layout) -> Path:
    """The operator's key to this root's machines."""
    path = all_folder(layout) / "console_key"
    make_key(path, "wherry-console")
    return path


def all_machines(layout: Layout) -> list[VirtualMachine]:
    """Every machine of this root, sorted by name."""
    names = sorted(path.parent.name for path in all_folder(layout).glob("*/machine.json"))
    return [machine for name in names if (machine := VirtualMachine.find(layout, name))]
