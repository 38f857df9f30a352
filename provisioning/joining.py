"""What joining does on a machine: pure, from its facts and the order to steps.

programs  ─▶  runtime (containerd of our own settings)  ─▶  keys made there  ─▶  settings, certificates  ─▶  services
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from agent.runtime.configuration import ContainerdPlace, containerd_config
from kube import settings
from kube.config import AgentConfig, ClusterSection, MasterSection, NodeSection, RuntimeSection
from provisioning.machines import Machine
from provisioning.services import Installation, under_supervisor, under_systemd
from provisioning.steps import Action, Put, Run, Step
from provisioning.supervising.services import Service

ETC = PurePosixPath("/etc/wherry")
OPT = PurePosixPath("/opt/wherry")
CLUSTER_ID = PurePosixPath("/var/lib/wherry/cluster-id")
CONTAINERD = ETC / "containerd.toml"
PLACE = ContainerdPlace()
MODULES = ("overlay", "br_netfilter")

RUNTIME = Service(
    "wherry-containerd", ("/usr/bin/containerd", "--config", str(CONTAINERD)), stop_seconds=20.0, kill="process"
)
AGENT = Service("wherry-agent", (str(OPT / "current/bin/agent"), "run"), after=("wherry-containerd",), kill="process")
NAMES = Service("wherry-dns", (str(OPT / "current/bin/agent"), "dns"))
ANNOUNCER = Service("wherry-announce", (str(OPT / "current/bin/agent"), "announce"), stop_seconds=5.0)

UNPACK = """\
set -e
d="$1"
rm -rf "$d.new"
/usr/bin/python3 -m venv --without-pip "$d.new"
for site in "$d.new"/lib/python*/site-packages; do tar -xzf - -C "$site"; done
printf '#!/bin/sh\\nexec "%s/bin/python" -m agent "$@"\\n' "$d" > "$d.new/bin/agent"
chmod 755 "$d.new/bin/agent"
basename "$d" > "$d.new/VERSION"
rm -rf "$d"
mv "$d.new" "$d"
ln -sfn "$d" "$(dirname "$d")/current"
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What a machine is to become."""

    name: str
    servers: tuple[str, ...]
    authority: bytes
    cluster_id: str
    cluster: ClusterSection
    version: str
    archive: Path
    address: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the master signed, PEM."""

    node: bytes
    serving: bytes


def prepare(machine: Machine, order: Order, packages: tuple[Path, ...] = ()) -> Iterator[Step]:
    """Up to the keys: Debian packages, kernel modules, programs, the runtime."""
    if machine.missing_packages:
        yield install_packages(machine, packages)
    if machine.systemd:
        yield load_modules()
    folder = OPT / order.version
    if machine.version != order.version:
        yield Step(
            f"programs {order.version}",
            (
                Run(("mkdir", "-p", str(OPT))),
                Run(("sh", "-c", UNPACK, "sh", str(folder)), order.archive.read_bytes()),
            ),
            (Run(("rm", "-rf", str(folder), str(OPT / "current"))),),
        )
    yield service_step(
        machine,
        RUNTIME,
        "container runtime",
        (Put(CONTAINERD, runtime_settings(machine).encode()),),
        (str(CONTAINERD),),
    )


def runtime_settings(machine: Machine) -> str:
    return containerd_config(PLACE, restrict_oom_score_adj=not machine.lowers_oom, apparmor=machine.apparmor)


def install_packages(machine: Machine, packages: tuple[Path, ...]) -> Step:
    """From archives that the master brings; where it has none for this system, from the machine's own sources."""
    names = machine.missing_packages
    remove = Run(("apt-get", "purge", "-y", "--autoremove", *names))
    if not packages:
        update = Run(("apt-get", "update", "-qq"))
        install = Run(
            ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends", *names)
        )
        return Step(f"packages {' '.join(names)}", (update, install), (remove,))
    folder = PurePosixPath("/var/cache/wherry/packages")
    puts = tuple(Put(folder / path.name, path.read_bytes()) for path in packages)
    install = Run(("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--install", "--recursive", str(folder)))
    return Step(f"packages {' '.join(names)}", (*puts, install, Run(("rm", "-rf", str(folder)))), (remove,))


def load_modules() -> Step:
    path = PurePosixPath("/etc/modules-load.d/wherry.conf")
    text = "".join(f"{name}\n" for name in MODULES)
    actions: tuple[Action, ...] = (Put(path, text.encode()), Run(("modprobe", "--all", *MODULES)))
    return Step("kernel modules", actions, (Run(("rm", "-f", str(path))),))


def request_keys(order: Order, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The command that makes the node's keys there and prints its certificate requests."""
    return (str(OPT / "current/bin/agent"), "enrol", order.name, *addresses)


def finish(machine: Machine, order: Order, certificates: Certificates) -> Iterator[Step]:
    """From the signed certificates to a running agent."""
    files = (
        Put(ETC / "ca.crt", order.authority),
        Put(ETC / "node.crt", certificates.node),
        Put(ETC / "serving.crt", certificates.serving),
        Put(ETC / "agent.toml", settings.render(agent_settings(order)).encode(), 0o600),
        Put(CLUSTER_ID, f"{order.cluster_id}\n".encode()),
    )
    names = ("ca.crt", "node.crt", "node.key", "serving.crt", "serving.key", "agent.toml")
    yield Step(
        "settings and certificates",
        files,
        (Run(("rm", "-f", str(CLUSTER_ID), *(str(ETC / name) for name in names))),),
    )
    yield service_step(machine, NAMES, "DNS")
    yield service_step(machine, AGENT, "agent")


def announce(machine: Machine) -> Iterator[Step]:
    """Once it is a node: its announcer is ours.  A board that is not keeps the one it came with."""
    yield service_step(machine, ANNOUNCER, "announcer")


def agent_settings(order: Order) -> AgentConfig:
    node = NodeSection(name=order.name, address=order.address, labels=dict(order.labels), taints=order.taints)
    return replace(
        AgentConfig(),
        node=node,
        master=MasterSection(servers=order.servers),
        runtime=RuntimeSection(endpoint=str(PLACE.socket)),
        cluster=order.cluster,
    )


def service_step(
    machine: Machine, service: Service, title: str, before: tuple[Action, ...] = (), leftovers: tuple[str, ...] = ()
) -> Step:
    """Writes the service and starts it anew; undone by removing it."""
    installation = installed(machine, service)
    actions = (*before, Put(installation.path, installation.content.encode()), *map(Run, begin(machine, installation)))
    undo = (*map(Run, installation.end), Run(("rm", "-f", str(installation.path), *leftovers)))
    return Step(title, actions, undo)


def installed(machine: Machine, service: Service) -> Installation:
    return under_systemd(service) if machine.systemd else under_supervisor(service)


def begin(machine: Machine, installation: Installation) -> tuple[tuple[str, ...], ...]:
    """Started, or restarted with what is new: both are the same to who has never run it."""
    if machine.systemd:
        return (*installation.begin, *installation.again[-1:])
    return (("/usr/local/bin/wherry-supervise", "reload"), *installation.again)
