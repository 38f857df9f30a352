"""The Debian packages that machines need: `packaging/debian-packages.txt` is the list, this table is what ships with us.

The two are the same (a test compares them): set-up reads the file before there is a Python environment, joining reads
the table where there is no checkout.  Debian's `etcd-server` starts an etcd that listens in clear text under systemd, so
set-up masks its unit before it installs it (for the tests, which start their own).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

NODE = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "ipset",
    "iproute2",
    "conntrack",
    "ethtool",
    "kmod",
    "procps",
    "openssh-server",
    "python3",
    "python3-venv",
)
MASTER = ("openssh-client", "busybox-static", "ca-certificates", "fdisk", "mtools")
TEST = ("etcd-client", "etcd-server", "socat", "curl", "bind9-dnsutils", "mmdebstrap", "qemu-system-x86")
LONG = ("chromium",)
SCOPES = {"node": NODE, "master": MASTER, "test": TEST, "long": LONG}

QUERY = ("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n")


def parse_list(text: str) -> dict[str, tuple[str, ...]]:
    """Scope to packages, from lines `scope package`; what follows # is a comment."""
    rows = [line.partition("#")[0].split() for line in text.splitlines()]
    found: dict[str, tuple[str, ...]] = {}
    for scope, package in (row for row in rows if row):
        found[scope] = (*found.get(scope, ()), package)
    return found


def missing(wanted: Iterable[str], answer: str) -> list[str]:
    """The wanted packages that `QUERY`'s answer does not call installed."""
    installed = {line.split()[0] for line in answer.splitlines() if line.endswith(" installed")}
    return [package for package in wanted if package not in installed]


def missing_here(wanted: Iterable[str]) -> list[str]:
    """The wanted packages that this machine lacks; dpkg-query's exit code only repeats that some are unknown."""
    names = tuple(wanted)
    answer = subprocess.run((*QUERY, *names), capture_output=True, text=True, check=False)
    return missing(names, answer.stdout)
