"""The ways to a node's own doctor: over SSH, which needs no agent; from outside, where nobody lets us in.

A way gives findings, or raises LinkError: then the next one is tried.  None costs more than its own time limit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from kube.connections import AGENT_PORT
from probes import doctor
from probes.checking import examine
from probes.findings import Finding, as_json, from_json, trouble, well
from probes.looking import CouldNotLook, Here
from provisioning.proving import refuse, same_key
from provisioning.transport import Link, LinkError, Login, SshLink

SSH_PORT = 22
KNOCK_SECONDS = 2.0
SECONDS = 20.0
PACKED = PurePosixPath("/run/wherry-doctor.pyz")


@dataclass(frozen=True, slots=True)
class Node:
    """`host_key` is the one recorded when it was enrolled, empty where none was; `port` its agent's."""

    name: str
    address: str
    host_key: str = ""
    port: int = AGENT_PORT


Way = Callable[[Node], list[Finding]]


def words(options: doctor.Options) -> list[str]:
    """The options that a node's doctor is given."""
    only = [word for name in options.only for word in ("--only", name)]
    return ["--json", *only, *(word for name in options.skip for word in ("--skip", name))]


def here(options: doctor.Options) -> Way:
    """The master's own machine, where it is a node too."""

    def look(node: Node) -> list[Finding]:
        found = examine(Here(options.root), doctor.chosen(options))
        return from_json(as_json(found), node.name)

    return look


def by_ssh(login: Login, options: doctor.Options) -> Way:
    """The doctor is brought along as one file, since a node that fails may have lost its programs."""

    def look(node: Node) -> list[Finding]:
        if said := knock(node, SSH_PORT):
            raise LinkError(f"port {SSH_PORT}: {said}")
        unknown = refuse(f"{node.name}: no host key is recorded for it")
        link = SshLink(node.address, SSH_PORT, login, same_key(node.host_key) if node.host_key else unknown)
        try:
            link.put(PACKED, packed())
            return heard(link, ("python3", str(PACKED), *words(options)), node)
        finally:
            link.run(("rm", "-f", str(PACKED)), check=False, seconds=SECONDS)
            link.close()

    return look


def packed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PACKED.name
        doctor.pack(file)
        return file.read_bytes()


def heard(link: Link, argv: Sequence[str], node: Node) -> list[Finding]:
    """A doctor's exit code says what it found; that it is no JSON says that it could not run."""
    outcome = link.run(argv, check=False, seconds=SECONDS)
    try:
        return from_json(outcome.output, node.name)
    except ValueError as error:
        said = (outcome.errors or outcome.output).strip().splitlines()
        raise LinkError(f"its doctor ended with {outcome.code}: {said[-1] if said else 'it said nothing'}") from error


def knock(node: Node, port: int) -> str:
    """Empty where the port is open, else the kernel's words."""
    return Here().connect(node.address, port, KNOCK_SECONDS)


def from_outside(node: Node) -> list[Finding]:
    """What can be told of a machine that lets nobody in: whether it is there at all, and what is shut."""
    said = knock(node, node.port)
    seen = f"TCP {node.address}:{node.port}: {said or 'open'}"
    inside = f"at its console: agent doctor; or: master doctor {node.name} --identity KEY"
    if said == "refused":
        return [_told(node, "agent", "the machine is on, but its agent does not run", inside, seen)]
    if not said:
        return [replace(well("agent", f"listens at {node.address}:{node.port}"), where=node.name)]
    if answers_ping(node.address):
        fix = f"at its console: iptables -I INPUT -p tcp --dport {node.port} -j ACCEPT"
        shut = f"the machine answers ping, but nothing comes through to port {node.port}: a firewall"
        return [_told(node, "agent", shut, fix, f"{seen}; ping: answered")]
    fix = f"ping {node.address}; is it on, and its cable in? at its console: agent doctor"
    return [_told(node, "reach", "nothing answers at its address", fix, f"{seen}; ping: no answer")]


def answers_ping(address: str) -> bool:
    try:
        return Here().echo(address, 84)
    except CouldNotLook:
        return False  # ICMP needs root


def _told(node: Node, check: str, said: str, fix: str, seen: str) -> Finding:
    breaks = "its pods cannot be looked into, and move elsewhere once its lease has run out"
    return replace(trouble(check, said, fix, breaks=breaks, evidence=seen), where=node.name)
