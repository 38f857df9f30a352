"""A program out of a Debian package, for this machine's architecture or another.

The installed file is taken where the architecture is our own; otherwise apt fetches the package (it must know the
architecture: `dpkg --add-architecture arm64`) and dpkg-deb opens it.
"""

from __future__ import annotations

import io
import platform
import subprocess
import tarfile
import tempfile
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
DEBIAN = {"arm": "armhf"}
"""Where Debian's name differs from the one images use."""


class PackageMissing(Exception):
    """The package is not here and cannot be fetched; says what to do."""


def own_architecture() -> str:
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def program(package: str, path: str, architecture: str) -> bytes:
    """The bytes of `path` (absolute) in `package` for `architecture`."""
    installed = Path(path)
    if architecture == own_architecture() and installed.exists():
        return installed.read_bytes()
    return _member(_fetch(f"{package}:{DEBIAN.get(architecture, architecture)}"), path)


def _fetch(qualified: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run(
            ("apt-get", "download", "-q", qualified), cwd=folder, capture_output=True, text=True, check=False
        )
        found = list(Path(folder).glob("*.deb"))
        if fetched.returncode != 0 or not found:
            said = (fetched.stderr.strip().splitlines() or ["apt gave no package"])[-1]
            raise PackageMissing(f"cannot fetch {qualified}: {said}; try: apt-get update")
        return subprocess.run(("dpkg-deb", "--fsys-tarfile", found[0]), capture_output=True, check=True).stdout


def _member(archive: bytes, path: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        member = opened.extractfile(f".{path}")
        if member is None:
            raise PackageMissing(f"the package holds no {path}")
        return member.read()
