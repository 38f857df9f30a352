"""What QEMU is told, and whether this machine's KVM is worth using."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

from provisioning.vms.records import Record

PROGRAM = "qemu-system-x86_64"
KVM = Path("/dev/kvm")
TRIAL_SECONDS = 8.0
"""A kernel that is started by a KVM that works ends within two seconds; nested ones exist that take minutes."""


def trial(kernel: Path) -> list[str]:
    """A machine whose kernel finds nothing to run, panics and so ends QEMU."""
    return [
        *(PROGRAM, "-accel", "kvm", "-cpu", "max", "-m", "256", "-machine", "q35"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", str(kernel)),
        *("-append", "panic=-1 quiet"),
    ]


def kvm_works(kernel: bytes) -> bool:
    """Tried by really starting a kernel: a /dev/kvm may open and still not run one in any useful time."""
    if not KVM.exists():
        return False
    with tempfile.NamedTemporaryFile() as file:
        file.write(kernel)
        file.flush()
        begun = time.monotonic()
        try:
            done = subprocess.run(trial(Path(file.name)), capture_output=True, timeout=TRIAL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0 and time.monotonic() - begun < TRIAL_SECONDS


def accelerator(works: bool) -> str:
    return "kvm" if works else "tcg,thread=multi,tb-size=256"


def command(record: Record, folder: Path, cmdline: str, accel: str) -> list[str]:
    """The machine's own QEMU; it goes into the background once the machine is set up, its console into a file."""
    return [
        *(PROGRAM, "-name", record.name, "-machine", "q35", "-accel", accel, "-cpu", "max"),
        *("-smp", str(record.cpus), "-m", str(record.memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-rtc", "base=utc"),
        *("-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.img"), "-append", cmdline),
        *("-drive", f"if=none,id=card,format=raw,cache=writeback,discard=unmap,file={folder / 'card.img'}"),
        *("-device", "virtio-blk-pci,drive=card"),
        *("-netdev", f"tap,id=cable,ifname={record.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=cable,mac={record.mac}"),
        *("-device", "virtio-rng-pci"),
        *("-chardev", f"file,id=console,path={folder / 'console.log'},append=on", "-serial", "chardev:console"),
        *("-daemonize", "-pidfile", str(folder / "qemu.pid")),
    ]
