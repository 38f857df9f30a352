"""Facts of a machine to join, gathered by one command over its link, and what speaks against it.

The command prints sections; parsing and judging are pure.  A refusal is one sentence with the fix.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from probes.boards import architecture
from provisioning.packages import NODE, QUERY, missing
from provisioning.transport import Link

MARK = "=== "
MIB = 1 << 20
LEAST_DISK = 600 * MIB
LEAST_MEMORY = 200 * MIB
LEAST_PYTHON = (3, 11)
MOST_CLOCK_SECONDS = 3600  # certificates are backdated by more than this
SUPPORTED = ("amd64", "arm64")

# section -> shell words; sections that fail are empty.
SECTIONS = {
    "machine": "uname -m",
    "os": "cat /etc/os-release",
    "hostname": "cat /etc/hostname || hostname",
    "python": "/usr/bin/python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'",
    "disk": "df -Pk / | tail -n 1",
    "memory": "grep MemTotal /proc/meminfo",
    "time": "date +%s",
    "user": "id -u",
    "systemd": "test -d /run/systemd/system && echo yes",
    "supervisor": "test -x /usr/local/bin/wherry-supervise && echo yes",
    "packages": f"{shlex.join(QUERY)} {' '.join(NODE)}",
    "version": "cat /opt/wherry/current/VERSION",
    "cluster": "cat /var/lib/wherry/cluster-id",
    "oom": "echo -1 > /proc/self/oom_score_adj && echo yes",
    "apparmor": "test -d /sys/kernel/security/apparmor && echo yes",
    "ports": "ss -Hltn 'sport = :10250'",
    "agent": "cat /etc/wherry/agent.toml",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """`clock` is the machine's time in seconds since the epoch, `disk` and `memory` bytes (`disk` what is free on /)."""

    hostname: str
    architecture: str
    os: str
    python: tuple[int, int]
    disk: int
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


def script() -> str:
    """The one command that gathers everything."""
    return (
        "\n".join(f"echo '{MARK}{name}'; {{ {words}; }} 2>/dev/null" for name, words in SECTIONS.items()) + "\ntrue\n"
    )


def gather(link: Link) -> Machine:
    return parse(link.run(("sh", "-c", script()), seconds=60).output)


def parse(text: str) -> Machine:
    """What the script printed."""
    found = dict.fromkeys(SECTIONS, "")
    for part in text.split(MARK)[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = body.strip()
    os = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', found["os"], re.MULTILINE))
    disk = found["disk"].split()
    memory = re.search(r"(\d+) kB", found["memory"])
    python = re.fullmatch(r"(\d+)\.(\d+)", found["python"])
    joined = re.search(r'^name = "([^"]*)"', found["agent"], re.MULTILINE)
    return Machine(
        hostname=found["hostname"],
        architecture=architecture(found["machine"]),
        os=os.get("PRETTY_NAME", "unknown"),
        codename=os.get("VERSION_CODENAME", ""),
        python=(int(python[1]), int(python[2])) if python else (0, 0),
        disk=int(disk[3]) * 1024 if len(disk) > 3 and disk[3].isdigit() else 0,
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
    )


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
    if machine.disk < LEAST_DISK:
        found.append(f"its disk has {machine.disk // MIB} MiB free and {LEAST_DISK // MIB} are needed; free some space")
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
