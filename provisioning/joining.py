"""What joining does on a machine: pure, from its facts and the order to steps.

programs  ─▶  runtime (containerd of our own settings)  ─▶  keys made there  ─▶  settings, certificates  ─▶  services
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from agent.runtime.configuration import containerd_config
from kube import settings
from kube.config import AgentConfig, ClusterSection, MasterSection, NodeSection, RuntimeSection
from provisioning.homes import Home
from provisioning.machines import MODULES, SWITCHES, Machine
from provisioning.services import Installation, under_supervisor, under_systemd
from provisioning.steps import Action, Put, Run, Step
from provisioning.supervising.services import Service

KEYS = ("node.key", "serving.key")
RESERVED = re.compile(r"(^|\.)(kubernetes|k8s)\.io/")

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

ANSWERS = """\
n=0
until [ -S "$1" ] && ctr --address "$1" --connect-timeout 1s version > /dev/null 2>&1; do
  n=$((n + 1))
  [ $n -lt 100 ] || { echo "containerd does not start: $(tail -n 1 "$2" 2>&1)" >&2; exit 1; }
  sleep 0.1
done
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
    home: Home = field(default_factory=Home)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the master signed, PEM."""

    node: bytes
    serving: bytes


def prepare(machine: Machine, order: Order, packages: tuple[Path, ...] = ()) -> Iterator[Step]:
    """Up to the keys: Debian packages, the kernel, programs, the runtime."""
    home = order.home
    if machine.missing_packages:
        yield install_packages(machine, packages)
    yield from prepare_kernel(machine)
    if not home.agent and machine.version != order.version:
        yield install_programs(order)
    place = home.containerd
    yield service_step(
        machine,
        home,
        home.runtime_service,
        "container runtime",
        before=(Put(home.containerd_settings, runtime_settings(machine, home).encode()),),
        after=(Run(("sh", "-c", ANSWERS, "sh", str(place.socket), str(home.log(home.runtime_service)))),),
        makes=(PurePosixPath(place.root), PurePosixPath(place.state), PurePosixPath(place.cni_config)),
    )


def runtime_settings(machine: Machine, home: Home) -> str:
    return containerd_config(home.containerd, restrict_oom_score_adj=not machine.lowers_oom, apparmor=machine.apparmor)


def install_packages(machine: Machine, packages: tuple[Path, ...]) -> Step:
    """From archives that the master brings; where it has none for this system, from the machine's own sources."""
    names = machine.missing_packages
    title = f"packages {' '.join(names)}"
    remove = Run(("apt-get", "purge", "-y", "--autoremove", *names))
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    if not packages:
        update = Run(("apt-get", "update", "-qq"))
        install = Run((*quiet, "apt-get", "install", "-y", "--no-install-recommends", *names))
        return Step(title, (update, install), (remove,))
    folder = PurePosixPath("/var/tmp/wherry-packages")
    puts = tuple(Put(folder / path.name, path.read_bytes()) for path in packages)
    install = Run((*quiet, "dpkg", "--install", *(str(folder / path.name) for path in packages)))
    return Step(title, (*puts, install, Run(("rm", "-rf", str(folder)))), (remove,))


def install_programs(order: Order) -> Step:
    """wherry's own, into a folder of their version; `current` points to the one in use."""
    opt = order.home.opt
    folder = opt / order.version
    return Step(
        f"programs {order.version}",
        (
            Run(("mkdir", "-p", str(opt))),
            Run(("sh", "-c", UNPACK, "sh", str(folder)), order.archive.read_bytes()),
        ),
        (Run(("rm", "-rf", f"{folder}.new")),),
        makes=(opt / "current", folder),
    )


def prepare_kernel(machine: Machine) -> Iterator[Step]:
    """Modules and switches that differ; under systemd they are set at each boot too.  A new module's switches are on."""
    modules = tuple(name for name in MODULES if name not in machine.modules)
    if modules and machine.systemd:
        path = PurePosixPath("/etc/modules-load.d/wherry.conf")
        text = "".join(f"{name}\n" for name in MODULES)
        load: tuple[Action, ...] = (Put(path, text.encode()), Run(("modprobe", "--all", *modules)))
        yield Step(f"kernel modules {' '.join(modules)}", load, (Run(("modprobe", "--remove", *modules)),))
    off = {name: value for name, value in machine.switches.items() if value != SWITCHES[name]}
    if off:
        actions: tuple[Action, ...] = tuple(switch(name, SWITCHES[name]) for name in off)
        if machine.systemd:
            text = "".join(f"{name} = {value}\n" for name, value in SWITCHES.items())
            actions = (Put(PurePosixPath("/etc/sysctl.d/90-wherry.conf"), text.encode()), *actions)
        yield Step(f"kernel switches {' '.join(off)}", actions, tuple(switch(*row) for row in off.items()))


def switch(name: str, value: str) -> Run:
    return Run(("sysctl", "--quiet", "--write", f"{name}={value}"))


def request_keys(order: Order, addresses: tuple[str, ...]) -> Step:
    """The node's keys, made there; the last command prints its certificate requests."""
    paths = tuple(order.home.etc / name for name in KEYS)
    return Step("keys and certificates", (Run(order.home.command("enrol", order.name, *addresses)),), makes=paths)


def finish(machine: Machine, order: Order, certificates: Certificates) -> Iterator[Step]:
    """From the signed certificates to a running agent."""
    home = order.home
    yield Step(
        "settings and certificates",
        (
            Put(home.etc / "ca.crt", order.authority),
            Put(home.etc / "node.crt", certificates.node),
            Put(home.etc / "serving.crt", certificates.serving),
            Put(home.etc / "agent.toml", settings.render(agent_settings(order)).encode(), 0o600),
            Put(home.cluster_id, f"{order.cluster_id}\n".encode()),
        ),
        again=starting(machine, home, home.agent_service),
    )
    yield service_step(machine, home, home.names_service, "DNS")
    clean = () if machine.cluster else (Run(home.command("clean")),)
    yield service_step(machine, home, home.agent_service, "agent", undo=clean, makes=agent_makes(home))


def agent_makes(home: Home) -> tuple[PurePosixPath, ...]:
    """What an agent leaves in the file system, besides its runtime's."""
    return (
        home.state / "pods",
        home.run / "services.json",
        home.run / "cni",
        home.root / "etc/cni/net.d/10-wherry.conflist",
        home.root / "var/log/pods",
    )


def announce(machine: Machine, order: Order) -> Iterator[Step]:
    """Once it is a node: its announcer is ours.  A board that is not keeps the one it came with."""
    if not order.home.agent:
        yield service_step(machine, order.home, order.home.announcer_service, "announcer")


def reserved(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels that a node may not give itself; the master puts them on it."""
    return {key: value for key, value in labels.items() if RESERVED.search(key)}


def agent_settings(order: Order) -> AgentConfig:
    kept = reserved(order.labels)
    labels = {key: value for key, value in order.labels.items() if key not in kept}
    node = NodeSection(name=order.name, address=order.address, labels=labels, taints=order.taints)
    return replace(
        AgentConfig(),
        node=node,
        master=MasterSection(servers=order.servers),
        runtime=RuntimeSection(endpoint=str(order.home.containerd.socket), cgroup=order.home.cgroup),
        cluster=order.cluster,
    )


def service_step(
    machine: Machine,
    home: Home,
    service: Service,
    title: str,
    *,
    before: tuple[Action, ...] = (),
    after: tuple[Action, ...] = (),
    undo: tuple[Run, ...] = (),
    makes: tuple[PurePosixPath, ...] = (),
) -> Step:
    """Writes the service and starts it anew; undone by ending it, and beginning again the one that was there."""
    installation = installed(machine, home, service)
    start = starting(machine, home, service)
    end = (*map(Run, installation.end), Run(("rm", "-f", str(installation.path))))
    if machine.systemd:
        end = (*end, Run(("systemctl", "daemon-reload")))
    else:
        makes = (*makes, home.log(service))
    actions = (*before, Put(installation.path, installation.content.encode()), *start, *after)
    return Step(title, actions, (*end, *undo), makes, start)


def installed(machine: Machine, home: Home, service: Service) -> Installation:
    return under_systemd(service) if machine.systemd else under_supervisor(service, home.etc, home.supervise)


def starting(machine: Machine, home: Home, service: Service) -> tuple[Run, ...]:
    """Started, or restarted with what is new: both are the same to who has never run it."""
    installation = installed(machine, home, service)
    if machine.systemd:
        return tuple(map(Run, (*installation.begin, *installation.again[-1:])))
    return tuple(map(Run, ((*home.supervise, "reload"), *installation.again)))
