"""What is remembered of virtual machines, and where their parts lie: `var/lib/wherry/vms` under the root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kube.layout import Layout


@dataclass(frozen=True, slots=True)
class Size:
    """MiB of memory, and CPUs."""

    memory: int = 1024
    cpus: int = 2


@dataclass(frozen=True, slots=True)
class Record:
    """A virtual machine as it was made; `memory` in MiB, `tap` and `bridge` are interfaces of the host."""

    name: str
    address: str
    bridge: str
    tap: str
    mac: str
    memory: int
    cpus: int
    host_key: str


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one virtual machine."""

    folder: Path

    @staticmethod
    def of(layout: Layout, name: str) -> Places:
        return Places(all_folder(layout) / name)

    @property
    def record(self) -> Path:
        return self.folder / "machine.json"

    @property
    def process(self) -> Path:
        return self.folder / "process.json"

    @property
    def card(self) -> Path:
        """The device that the image is flashed onto."""
        return self.folder / "card.img"

    @property
    def console(self) -> Path:
        """What the machine says on its serial line."""
        return self.folder / "console.log"


def all_folder(layout: Layout) -> Path:
    return layout.state.absolute() / "vms"
