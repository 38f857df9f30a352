"""Start a virtual node's PID 1: run as `python -m provisioning.virtual.launching`, a JSON order on its standard input.

How it works: this process enters the node's cgroup, leaves the host's namespaces and forks; it writes the child's pid
and ends.  The child mounts the tree, writes `mounted`, waits for the second line of the input (the host has plugged in
the cable by then), configures its address and becomes the supervisor.  An input that ends early ends the child, and the
namespaces with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from provisioning.virtual.cgroups import doors, hierarchies, settle_in_leaf
from provisioning.virtual.mounting import Tree, cgroup_aliases, mount_tree
from provisioning.virtual.network import apply_batch

NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x40000000 | 0x20000000 | 0x02000000
"""CLONE_NEWNS, NEWUTS, NEWIPC, NEWNET, NEWPID, NEWCGROUP."""
PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = ("wherry-init", "-I", "/usr/local/bin/wherry-supervise", "run")

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Leave the host, fork, report."""
    order = json.loads(sys.stdin.readline())
    for door in doors(order["group"]):
        door.write_text("0")
    found, aliases = hierarchies(), cgroup_aliases()
    if libc.unshare(NAMESPACES):
        raise SystemExit(f"unshare: {os.strerror(ctypes.get_errno())}")
    pid = os.fork()
    if pid:
        os.write(1, f"{pid}\n".encode())
        os._exit(0)
    try:
        programs = tuple(Path(program) for program in order["programs"])
        mount_tree(Tree(Path(order["folder"]), Path(order["hidden"]), programs, found, aliases))
        boot(order)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def boot(order: dict[str, Any]) -> NoReturn:
    """The node's own first steps, up to its supervisor."""
    for row in hierarchies():
        if row.version == 2:
            settle_in_leaf(row.mount)
    socket.sethostname(order["name"])
    for name in ("run/sshd", "run/lock", "run/wherry"):
        Path("/", name).mkdir(parents=True, exist_ok=True)
    os.write(1, b"mounted\n")
    if sys.stdin.readline() != "go\n":
        raise ValueError("the start was given up")
    apply_batch(order["ip"])
    if libc.prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    console = os.open("/var/log/wherry/console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    for target, source in ((0, os.open("/dev/null", os.O_RDONLY)), (1, console), (2, console)):
        os.dup2(source, target)
    os.setsid()
    environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
    os.execve("/usr/bin/python3", INIT, environment)


if __name__ == "__main__":
    main()
