"""Debian packages for a machine that lacks some, fetched by the master: the exact closure, against the machine's own state.

apt on the master is given the machine's list of installed packages and only downloads; so it takes the same release and
architecture on both.  Anything else is left to the machine's own sources.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from probes.boards import architecture
from provisioning.machines import Machine
from provisioning.transport import Link


def fetch(link: Link, machine: Machine, folder: Path) -> tuple[Path, ...]:
    """The archives to install; none where the master cannot fetch them for this machine."""
    if not machine.missing_packages or not _alike(machine) or shutil.which("apt-get") is None:
        return ()
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    status = folder / "status"
    status.write_text(link.run(("cat", "/var/lib/dpkg/status")).output)
    options = {"Dir::State::status": status, "Dir::Cache::archives": archives, "Debug::NoLocking": "1"}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    install = ["apt-get", *words, "-qq", "-y", "--no-install-recommends", "--download-only", "install"]
    done = subprocess.run([*install, *machine.missing_packages], capture_output=True, check=False)
    return tuple(sorted(archives.glob("*.deb"))) if done.returncode == 0 else ()


def _alike(machine: Machine) -> bool:
    here = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return here == machine.codename and architecture(platform.machine()) == machine.architecture
