"""What a fresh virtual node has on its disk that the host has not: the files of its overlay."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from provisioning.supervising.packing import packed_supervisor
from provisioning.supervising.services import Service, render_service
from provisioning.virtual.records import Places, Record

BARE = (
    "etc/wherry",
    "etc/kubernetes",
    "etc/cni/net.d",
    "opt/wherry",
    "opt/cni",
    "root",
    "var/lib/cni",
    "var/lib/kubelet",
    "var/log/wherry",
    "var/log/pods",
    "var/log/containers",
)
"""Folders that start empty whatever the host has there (opaque in the overlay)."""

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""

SSHD = Service("sshd", ("/usr/sbin/sshd", "-D", "-e"), stop_seconds=5.0, kill="process")


@dataclass(frozen=True, slots=True)
class File:
    """Content and mode of one file, its path relative to the node's root."""

    content: str | bytes
    mode: int = 0o644


def files(record: Record, authorized_keys: tuple[str, ...], services: tuple[Service, ...]) -> dict[str, File]:
    """The node's own files, by path."""
    found = {
        "etc/hostname": File(f"{record.name}\n"),
        "etc/hosts": File(f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{record.address}\t{record.name}\n"),
        "etc/machine-id": File(f"{record.machine_id}\n", 0o444),
        "etc/resolv.conf": File(f"nameserver {record.gateway}\n"),
        "etc/ssh/sshd_config": File(SSHD_CONFIG),
        "root/.ssh/authorized_keys": File("".join(f"{key}\n" for key in authorized_keys), 0o600),
        "usr/local/bin/wherry-supervise": File(packed_supervisor(), 0o755),
    }
    for service in (SSHD, *services):
        found[f"etc/wherry/services/{service.name}.toml"] = File(render_service(service))
    return found


def fill(places: Places, found: dict[str, File]) -> None:
    """Write the files into the overlay's upper folder, folders with the modes they have on the host."""
    for folder in BARE:
        path = make_folder(places.upper, Path(folder))
        os.setxattr(path, "trusted.overlay.opaque", b"y")
    for name, file in found.items():
        make_folder(places.upper, Path(name).parent)
        path = places.upper / name
        path.write_bytes(file.content.encode() if isinstance(file.content, str) else file.content)
        path.chmod(file.mode)


def make_folder(upper: Path, folder: Path) -> Path:
    """Make a folder of the overlay; each part takes mode and owner from the host's, 0755 (.ssh 0700) where it has none."""
    path = upper
    for part in folder.parts:
        path = path / part
        if not path.exists():
            path.mkdir()
            twin = Path("/") / path.relative_to(upper)
            path.chmod(twin.stat().st_mode & 0o7777 if twin.is_dir() else 0o700 if part == ".ssh" else 0o755)
    return path


def make_key(path: Path, comment: str) -> str:
    """An ed25519 key pair, the private half with mode 0600; returns the public line without its comment."""
    public = path.with_name(f"{path.name}.pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return " ".join(public.read_text().split()[:2])
