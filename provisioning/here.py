"""The master's own machine as a node: the programs of the environment that runs this, everything below the master's root."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kube.client import Client
from kube.layout import Layout
from provisioning.homes import Home
from provisioning.join import Cluster, Joined, Tell, Wishes, join_over
from provisioning.joining import installed
from provisioning.machines import gather
from provisioning.services import Command
from provisioning.transport import CommandFailed, LinkError, LocalLink
from provisioning.virtual.cgroups import remove_group
from provisioning.virtual.records import tag

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def own_home(layout: Layout) -> Home:
    root = layout.root.absolute()
    supervise = (sys.executable, "-m", "provisioning.supervising", "--root", str(root))
    group = "/" if root == Path("/") else f"/{own_group(layout)}"
    return Home(PurePosixPath(root), str(Path(sys.prefix) / "bin/agent"), supervise, group)


def own_group(layout: Layout) -> str:
    """The cgroup of this machine's pods, apart from those of the virtual nodes of the same root."""
    return f"wherry-pods/{tag(layout)}"


def own_name() -> str:
    """This machine's host name in the letters that a node's name may have."""
    return re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip("-.") or "master"


async def join_here(layout: Layout, client: Client, address: str, taints: Sequence[str], tell: Tell) -> Joined:
    """`address` is what the other nodes reach this machine by."""
    cluster = await Cluster.of(layout, client)
    wishes = Wishes(labels={CONTROL_PLANE: ""}, taints=tuple(taints), address=address)
    return await join_over(cluster, LocalLink(), own_name(), wishes, tell, own_home(layout))


def routed_address() -> str:
    """The address that this machine's default route leaves from; its loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a route
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def leave_here(layout: Layout) -> bool:
    """Ends what runs here as a node and takes it out of the kernel; keys and images stay.  False where there is none.

    ValueError says what could not be taken away.
    """
    home = own_home(layout)
    if not (layout.config / "agent.toml").exists() or not Path(home.cluster_id).exists():
        return False
    link = LocalLink()
    machine = gather(link, home)
    own, names, runtime = (
        installed(machine, home, service) for service in (home.agent_service, home.names_service, home.runtime_service)
    )
    _end(link, own.end)
    _end(link, names.end)
    try:
        link.run(home.command("clean"))
    except CommandFailed as error:
        raise ValueError(str(error)) from error
    _end(link, runtime.end)
    for installation in (own, names, runtime):
        Path(installation.path).unlink(missing_ok=True)
    Path(home.cluster_id).unlink()
    if home.cgroup != "/":
        remove_group(own_group(layout))
    return True


def _end(link: LocalLink, commands: Sequence[Command]) -> None:
    """What does not run any more is no failure: the supervisor may be gone already."""
    for command in commands:
        try:
            link.run(command, check=False)
        except (LinkError, subprocess.TimeoutExpired) as error:
            raise ValueError(f"{' '.join(command)}: {error}") from error
