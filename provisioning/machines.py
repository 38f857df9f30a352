"""Facts of a machine to join, gathered by one command over its link, and what speaks against it.

The command prints sections; parsing and judging are pure.  A refusal is one sentence with the fix.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from probes.boards import architecture
from provisioning.homes import ROOT, Home
from provisioning.packages import NODE, QUERY, missing
from provisioning.transport import Link

MARK = "=== "
MIB = 1 << 20
LEAST_DISK = {"opt": 150 * MIB, "state": 450 * MIB, "etc": MIB}  # what a node writes where
LEAST_MEMORY = 200 * MIB
LEAST_PYTHON = (3, 11)
MOST_CLOCK_SECONDS = 3600  # certificates are backdated by more than this
SUPPORTED = ("amd64", "arm64")
MODULES = ("overlay", "br_netfilter")
SWITCHES = {"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": "1"}

FREE = """\
for p in {opt} {state} {etc}; do
  while [ -n "$p" ] && [ ! -e "$p" ]; do p="${p%/*}"; done
  df -Pk "${p:-/}" | tail -n 1
done"""

# section -> shell words; sections that fail are empty.  {opt}, {state}, {etc} are wherry's folders there.
SECTIONS = {
    "machine": "uname -m",
    "os": "cat /etc/os-release",
    "hostname": "cat /etc/hostname || hostname",
    "python": "/usr/bin/python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'",
    "disks": FREE,
    "memory": "grep MemTotal /proc/meminfo",
    "time": "date +%s",
    "user": "id -u",
    "systemd": "test -d /run/systemd/system && echo yes",
    "supervisor": "test -S {run}/supervise.sock && echo yes",
    "packages": f"{shlex.join(QUERY)} {' '.join(NODE)}",
    "version": "cat {opt}/current/VERSION",
    "cluster": "cat {state}/cluster-id",
    "oom": "echo -1 > /proc/self/oom_score_adj && echo yes",
    "apparmor": "test -d /sys/kernel/security/apparmor && echo yes",
    "ports": "ss -Hltn 'sport = :10250'",
    "agent": "cat {etc}/agent.toml",
    "modules": "grep -qw overlay /proc/filesystems && echo overlay; test -d /proc/sys/net/bridge && echo br_netfilter",
    "switches": 'cd /proc/sys && grep -H "" ' + " ".join(name.replace(".", "/") for name in SWITCHES),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """`clock` is the machine's time in seconds since the epoch, `memory` bytes; `disks` are (mount point, bytes free) for
    each folder of LEAST_DISK."""

    hostname: str
    architecture: str
    os: str
    python: tuple[int, int]
    disks: tuple[tuple[str, int], ...]
    memory: int
    clock: float
    root: bool
    systemd: bool
    supervisor: bool
    missing_packages: tuple[str, ...] = ()
    version: str = ""
    cluster: str = ""
    port_taken: bool = False
    joined_as: str = ""
    codename: str = ""
    lowers_oom: bool = True
    apparmor: bool = False
    modules: frozenset[str] = frozenset(MODULES)
    switches: Mapping[str, str] = field(default_factory=lambda: dict(SWITCHES))


def script(home: Home) -> str:
    """The one command that gathers everything."""
    places = {name: shlex.quote(str(getattr(home, name))) for name in ("etc", "opt", "state", "run")}
    parts = (f"echo '{MARK}{name}'; {{ {fill(words, places)}; }} 2>/dev/null" for name, words in SECTIONS.items())
    return "\n".join(parts) + "\ntrue\n"


def fill(words: str, places: Mapping[str, str]) -> str:
    """The words with wherry's folders in place."""
    return re.sub(r"\{(etc|opt|state|run)\}", lambda match: places[match[1]], words)


def gather(link: Link, home: Home | None = None) -> Machine:
    """systemd counts only where the whole machine is the node's: what lies under another root leaves nothing in /etc."""
    home = home or Home()
    machine = parse(link.run(("sh", "-c", script(home)), seconds=60).output)
    return machine if home.root == ROOT else replace(machine, systemd=False)


def parse(text: str) -> Machine:
    """What the script printed."""
    found = dict.fromkeys(SECTIONS, "")
    for part in text.split(MARK)[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = body.strip()
    os = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', found["os"], re.MULTILINE))
    memory = re.search(r"(\d+) kB", found["memory"])
    python = re.fullmatch(r"(\d+)\.(\d+)", found["python"])
    joined = re.search(r'^name = "([^"]*)"', found["agent"], re.MULTILINE)
    return Machine(
        hostname=found["hostname"],
        architecture=architecture(found["machine"]),
        os=os.get("PRETTY_NAME", "unknown"),
        codename=os.get("VERSION_CODENAME", ""),
        python=(int(python[1]), int(python[2])) if python else (0, 0),
        disks=disk_rows(found["disks"]),
        memory=int(memory[1]) * 1024 if memory else 0,
        clock=float(found["time"] or 0),
        root=found["user"] == "0",
        systemd=found["systemd"] == "yes",
        supervisor=found["supervisor"] == "yes",
        missing_packages=tuple(missing(NODE, found["packages"])),
        version=found["version"],
        cluster=found["cluster"],
        port_taken=bool(found["ports"]),
        lowers_oom=found["oom"] == "yes",
        apparmor=found["apparmor"] == "yes",
        joined_as=joined[1] if joined else "",
        modules=frozenset(found["modules"].split()),
        switches=dict(switch_row(line) for line in found["switches"].splitlines()),
    )


def disk_rows(text: str) -> tuple[tuple[str, int], ...]:
    """Mount points and free bytes, of `df -Pk`'s lines; nothing is free where they cannot be read."""
    rows = [line.split(maxsplit=5) for line in text.splitlines()]
    found = tuple((row[5], int(row[3]) * 1024) for row in rows if len(row) == 6 and row[3].isdigit())
    return found if len(found) == len(LEAST_DISK) else (("/", 0),) * len(LEAST_DISK)


def switch_row(line: str) -> tuple[str, str]:
    """A line of grep's, such as `net/ipv4/ip_forward:1`."""
    path, _, value = line.partition(":")
    return path.replace("/", "."), value


def short_disks(machine: Machine) -> Iterator[str]:
    """A sentence for each file system that has too little for all that would lie on it."""
    needed: dict[str, int] = {}
    for (mount, _), least in zip(machine.disks, LEAST_DISK.values(), strict=True):
        needed[mount] = needed.get(mount, 0) + least
    for mount, free in dict(machine.disks).items():
        if free < needed[mount]:
            yield f"its disk has {free // MIB} MiB free at {mount} and {needed[mount] // MIB} are needed; free some space"


def refusals(
    machine: Machine, *, now: float, cluster: str, can_serve: tuple[str, ...], python: tuple[int, int]
) -> list[str]:
    """Why this machine cannot join; empty when it can.  `can_serve` are the architectures there are programs for."""
    found = []
    if machine.architecture not in SUPPORTED:
        found.append(f"its architecture is {machine.architecture}; wherry runs on {' and '.join(SUPPORTED)} (64-bit)")
    elif machine.architecture not in can_serve:
        found.append(
            f"its architecture is {machine.architecture}, and this master has programs for {', '.join(can_serve)} only"
        )
    if not machine.root:
        found.append("this user is not root and sudo asks for a password; give --user root or allow sudo without one")
    if machine.python < LEAST_PYTHON:
        found.append(f"it has Python {_version(machine.python)}; 3.11 or newer is needed (Debian 12 has it)")
    elif machine.python != python:
        found.append(f"it has Python {_version(machine.python)}, and this master's programs are for {_version(python)}")
    found += short_disks(machine)
    if machine.memory < LEAST_MEMORY:
        found.append(f"it has {machine.memory // MIB} MiB of memory and {LEAST_MEMORY // MIB} are needed")
    if abs(machine.clock - now) > MOST_CLOCK_SECONDS:
        ahead = "ahead" if machine.clock > now else "behind"
        found.append(f"its clock is {abs(machine.clock - now) / 3600:.1f} h {ahead}; set the time, then join again")
    if machine.cluster and machine.cluster != cluster:
        found.append("it belongs to another cluster; reset it there first")
    if machine.port_taken and not machine.cluster:
        found.append("port 10250 is taken on it; stop what listens there")
    if not (machine.systemd or machine.supervisor):
        found.append("neither systemd nor wherry-supervise runs on it, so nothing would keep the agent running")
    return found


def _version(pair: tuple[int, int]) -> str:
    return f"{pair[0]}.{pair[1]}" if pair != (0, 0) else "none"
