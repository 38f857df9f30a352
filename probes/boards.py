"""What kind of machine this is and what it may be called in public: model, memory, architecture, ids that give nothing away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from probes.cgroups import limits

APPLICATION = bytes.fromhex("6f1f7d2c9ab54a0e8a3c5d0b7e21c4f8")
"""The application's id that the machine-id is hashed with, so that the machine-id itself never leaves the board."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm"}


@dataclass(frozen=True, slots=True)
class Board:
    """`memory` in bytes; `id` is a label that anyone can claim, never an identity."""

    hostname: str
    model: str
    architecture: str
    memory: int
    id: str


def board(root: Path = Path("/")) -> Board:
    """This machine, from its files."""
    memory = memory_total(_read(root / "proc/meminfo"))
    limit = limits(root / "sys/fs/cgroup").memory
    return Board(
        hostname=_read(root / "etc/hostname").strip() or platform.node(),
        model=model(_read(root / "proc/device-tree/model"), _read(root / "sys/class/dmi/id/product_name")),
        architecture=architecture(platform.machine()),
        memory=min(memory, limit or memory),
        id=application_id(_read(root / "etc/machine-id").strip()),
    )


def model(device_tree: str, product: str) -> str:
    """The device tree's words on a board, the firmware's on a PC."""
    return device_tree.strip("\0 \n") or product.strip() or "virtual"


def architecture(machine: str) -> str:
    """GOARCH's word for what `uname -m` says."""
    return ARCHITECTURES.get(machine, machine)


def memory_total(meminfo: str) -> int:
    """Bytes, from /proc/meminfo."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def application_id(machine_id: str) -> str:
    """An id made of the machine-id that cannot be turned back (as systemd's sd_id128_get_machine_app_specific does)."""
    if not re.fullmatch(r"[0-9a-f]{32}", machine_id):
        return ""
    return hmac.new(bytes.fromhex(machine_id), APPLICATION, hashlib.sha256).hexdigest()[:32]


def fingerprint(public_key: str) -> str:
    """`SHA256:...` as ssh-keygen prints it, of a line such as `ssh-ed25519 AAAA... comment`; empty when it is none."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, ValueError):
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def short_code(public: str) -> str:
    """Eight letters of a public key's hash (a line as in authorized_keys) to compare by eye: `K7QD-2MXA`."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    digest = hashlib.sha256(" ".join(public.split()[:2]).encode()).digest()
    letters = "".join(alphabet[byte % 32] for byte in digest[:8])
    return f"{letters[:4]}-{letters[4:]}"


def host_key(root: Path = Path("/")) -> str:
    """The public half of this machine's SSH host key."""
    return _read(root / "etc/ssh/ssh_host_ed25519_key.pub").strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
