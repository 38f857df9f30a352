"""What is remembered of virtual nodes, and where their parts lie: `var/lib/wherry/virtual` under the root."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kube.layout import Layout
from provisioning.supervising.services import Service

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A machine that the master will know by its key before it is ever met: a proven one."""

    name: str
    host_key: str
    """The public half, as in authorized_keys: `ssh-ed25519 AAAA…`."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a virtual node may use."""

    memory: int = 1024 * MIB
    cpus: float = 1.0


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a virtual node shall be."""

    name: str
    size: Size = field(default_factory=Size)
    address: str = ""
    """Empty: the next free one."""
    services: tuple[Service, ...] = ()
    """Kept running beside sshd from the first start on."""
    programs: tuple[Path, ...] = ()
    """Folders of the host that the node can use, for one that runs a master or an announcer from a checkout."""


@dataclass(frozen=True, slots=True)
class Record:
    """A virtual node as it was made."""

    name: str
    address: str
    prefix: int
    gateway: str
    bridge: str
    memory: int
    cpus: float
    machine_id: str
    host_key: str
    programs: tuple[str, ...] = ()
    """Folders of the host that the node sees read-only where its own tree has none (a checkout, say)."""

    @staticmethod
    def of(row: dict[str, Any]) -> Record:
        """The record that `load` gave as a row."""
        return Record(**row | {"programs": tuple(row["programs"])})


@dataclass(frozen=True, slots=True)
class Process:
    """The node's PID 1 as the host sees it; the start time tells it from a later process of the same number."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> Process | None:
        """The process that has this number now; None where there is none or it has ended."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in ("Z", "X") else Process(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one virtual node."""

    folder: Path

    @staticmethod
    def of(layout: Layout, name: str) -> Places:
        return Places(layout.state.absolute() / "virtual" / name)

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def tree(self) -> Path:
        """Where the overlay is mounted, in the node's own mount namespace."""
        return self.folder / "tree"

    @property
    def disk(self) -> Path:
        """The parts that must not lie on an overlay: containerd's root, and ours."""
        return self.folder / "disk"

    @property
    def record(self) -> Path:
        return self.folder / "node.json"

    @property
    def process(self) -> Path:
        return self.folder / "process.json"

    @property
    def console(self) -> Path:
        """What the node's PID 1 says."""
        return self.upper / "var/log/wherry/console.log"


def tag(layout: Layout) -> str:
    """Eight hexadecimal digits that name this root in interfaces and cgroups."""
    return hashlib.sha256(str(layout.root.absolute()).encode()).hexdigest()[:8]


def save(path: Path, row: Any) -> None:
    """Write a dataclass as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(row), indent=1) + "\n")
    draft.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """What `save` wrote; None where nothing was."""
    try:
        row: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return row
