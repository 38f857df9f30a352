"""The system: modules and switches of the kernel, inotify, file and process limits, machine-id, packages."""

from __future__ import annotations

import re
from collections import Counter

from probes.findings import Finding, trouble, well
from probes.looking import CouldNotLook, Looker
from probes.settings import joined

PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables-nft-restore": "iptables",
    "ip": "iproute2",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
}
"""A program that the agent calls, and its Debian package."""
WANTED = ("sh", "-c", f"for p in {' '.join(PROGRAMS)}; do command -v $p > /dev/null || echo $p; done")
FORWARDING = {
    "net.ipv4.ip_forward": "pods reach neither Services nor other nodes",
    "net.ipv4.conf.all.forwarding": "pods reach neither Services nor other nodes",
    "net.bridge.bridge-nf-call-iptables": "a pod does not reach a Service whose endpoint is on its own node",
}
LEAST = {
    "fs.inotify.max_user_instances": (64, 1024, "programs in pods fail with `too many open files`"),
    "fs.inotify.max_user_watches": (
        4096,
        524288,
        "programs in pods fail with `no space left on device` while they watch files",
    ),
    "fs.file-max": (8192, 1048576, "programs fail with `too many open files in system`"),
    "kernel.pid_max": (4096, 4194304, "no process can be started once so many run"),
    "kernel.threads-max": (2048, 65536, "no process can be started once so many run"),
    "vm.max_map_count": (8192, 262144, "databases in pods end with `mmap: cannot allocate memory`"),
    "net.netfilter.nf_conntrack_max": (4096, 131072, "new connections are dropped"),
    "net.ipv4.neigh.default.gc_thresh3": (256, 1024, "`neighbour table overflow`: packets to new pods are dropped"),
}
"""Switch -> the least that does, what the fix sets, what breaks below."""
SHARE_USED = 0.8


def _switch(look: Looker, name: str) -> str:
    return look.read("/proc/sys/" + name.replace(".", "/")).strip()


def modules(look: Looker) -> Finding:
    """overlay and br_netfilter: containers' file systems, and Services between pods of one node."""
    missing = []
    if "overlay" not in look.read("/proc/filesystems").split():
        missing.append("overlay")
    try:
        look.read("/proc/sys/net/bridge/bridge-nf-call-iptables")
    except CouldNotLook:
        missing.append("br_netfilter")
    if not missing:
        return well("modules", "overlay and br_netfilter are there")
    words = " ".join(missing)
    return trouble(
        "modules",
        f"the kernel lacks {' and '.join(missing)}",
        f"modprobe -a {words} && printf '%s\\n' {words} > /etc/modules-load.d/wherry.conf",
        breaks="containers have no file system (overlay), pods do not reach Services (br_netfilter)",
        evidence="/proc/filesystems, /proc/sys/net/bridge",
        safe=True,
        undo=f"modprobe -r {words}; rm -f /etc/modules-load.d/wherry.conf",
    )


def forwarding(look: Looker) -> Finding:
    """Whether the kernel passes packets on, and shows bridged ones to the rules."""
    off = {}
    for name, breaks in FORWARDING.items():
        try:
            if _switch(look, name) == "0":
                off[name] = breaks
        except CouldNotLook:
            continue  # the module's absence is told by its own check
    for interface in ("cni0", *_uplinks(look)):
        name = f"net/ipv4/conf/{interface}/forwarding"
        try:
            if not off and look.read(f"/proc/sys/{name}").strip() == "0":
                off[name] = f"what comes in by {interface} for pods is dropped"
        except CouldNotLook:
            continue  # no pod has been here yet
    if not off:
        return well("forwarding", "on")
    return trouble(
        "forwarding",
        f"{' and '.join(off)} off",
        f"sysctl -w {' '.join(f'{name}=1' for name in off)}",
        breaks="; ".join(sorted(set(off.values()))),
        evidence="; ".join(f"{name} = 0" for name in off),
        safe=True,
        undo=f"sysctl -w {' '.join(f'{name}=0' for name in off)}",
    )


def _uplinks(look: Looker) -> list[str]:
    """Interfaces with a route that is not the kernel's own for pods."""
    rows = [line.split() for line in look.read("/proc/net/route").splitlines()[1:]]
    return sorted({row[0] for row in rows if row and not row[0].startswith(("cni", "veth", "lo", "docker"))})


def sysctls(look: Looker) -> Finding:
    """Limits of the kernel that are too low for a node."""
    low = {}
    for name, (least, _, _) in LEAST.items():
        try:
            value = _switch(look, name)
        except CouldNotLook:
            continue  # not in this kernel, or not in this namespace
        if value.lstrip("-").isdigit() and 0 <= int(value) < least:
            low[name] = value
    if not low:
        return well("sysctls", "none is too low")
    wanted = " ".join(f"{name}={LEAST[name][1]}" for name in low)
    return trouble(
        "sysctls",
        f"{', '.join(f'{name} is only {value}' for name, value in low.items())}",
        f"sysctl -w {wanted}",
        breaks="; ".join(LEAST[name][2] for name in low),
        evidence="; ".join(f"{name} = {value}" for name, value in low.items()),
        safe=True,
        undo=f"sysctl -w {' '.join(f'{name}={value}' for name, value in low.items())}",
    )


def conntrack(look: Looker) -> Finding | None:
    """The table of connections; a full one drops new ones at random."""
    try:
        used, most = (int(_switch(look, f"net.netfilter.nf_conntrack_{word}")) for word in ("count", "max"))
    except CouldNotLook:
        return None
    if used < 0.9 * most:
        return well("conntrack", f"{used} of {most} connections")
    return trouble(
        "conntrack",
        f"the table of connections is full: {used} of {most}",
        f"sysctl -w net.netfilter.nf_conntrack_max={max(131072, 4 * most)}",
        breaks="new connections are dropped at random",
        evidence=f"net.netfilter.nf_conntrack_count = {used}",
        safe=True,
        undo=f"sysctl -w net.netfilter.nf_conntrack_max={most}",
    )


def inotify(look: Looker) -> Finding:
    """Inotify instances: how many are taken, by whom, and whether one more is given."""
    limit = int(_switch(look, "fs.inotify.max_user_instances"))
    holders = inotify_holders(look)
    used = sum(holders.values())
    refused = not look.inotify()
    if used <= SHARE_USED * limit and not refused:
        return well("inotify", f"{used} of {limit} instances taken")
    most = holders.most_common(1)
    who = f"; {most[0][0]} holds {most[0][1]}" if most else ""
    return trouble(
        "inotify",
        f"{used} of {limit} instances are taken{', and a further one is refused' if refused else ''}{who}",
        f"sysctl -w fs.inotify.max_user_instances={max(1024, 8 * limit)}",
        breaks="programs in pods, and kubectl logs -f, fail with `too many open files`",
        evidence=f"fs.inotify.max_user_instances = {limit}; /proc/*/fd: {used}",
        safe=True,
        undo=f"sysctl -w fs.inotify.max_user_instances={limit}",
    )


def inotify_holders(look: Looker) -> Counter[str]:
    """Process (name and number) -> instances that it holds; only what may be seen."""
    held: Counter[str] = Counter()
    for pid in look.names("/proc"):
        if not pid.isdigit():
            continue
        try:
            links = [look.link(f"/proc/{pid}/fd/{fd}") for fd in look.names(f"/proc/{pid}/fd")]
        except CouldNotLook:
            continue  # it has ended, or is another user's
        count = sum(link.endswith("inotify") for link in links)
        if count:
            held[f"{look.read(f'/proc/{pid}/comm').strip()} ({pid})"] += count
    return held


def files(look: Looker) -> Finding:
    """Open files of the whole machine against the kernel's limit."""
    used, _, most = (int(word) for word in look.read("/proc/sys/fs/file-nr").split())
    if used < SHARE_USED * most:
        return well("files", f"{used} open")
    return trouble(
        "files",
        f"{used} of {most} open files",
        f"sysctl -w fs.file-max={4 * most}",
        breaks="programs fail with `too many open files in system`",
        evidence=f"/proc/sys/fs/file-nr: {used} {most}",
        safe=True,
        undo=f"sysctl -w fs.file-max={most}",
    )


def machine_id(look: Looker) -> Finding:
    """An empty or unset machine-id, as images carry it."""
    try:
        text = look.read("/etc/machine-id").strip()
    except CouldNotLook:
        text = ""
    if re.fullmatch(r"[0-9a-f]{32}", text) and len(set(text)) > 1:
        return well("machine-id", "set")
    return trouble(
        "machine-id",
        f"/etc/machine-id {'is empty' if not text else 'is no machine-id: ' + text[:40]}",
        NEW_MACHINE_ID,
        breaks="nodes cannot be told apart; DHCP may give two of them one address",
        evidence=f"/etc/machine-id: {text[:40]!r}",
    )


NEW_MACHINE_ID = "tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id"


def packages(look: Looker) -> Finding:
    """The programs that the agent calls."""
    missing = look.run(WANTED).split()
    if not missing:
        return well("packages", "all that a node needs is installed")
    names = sorted({PROGRAMS.get(program, program) for program in missing})
    return trouble(
        "packages",
        f"not installed: {', '.join(missing)}",
        f"apt-get install -y --no-install-recommends {' '.join(names)}",
        breaks="the agent cannot start pods or write rules without them",
        evidence="command -v: " + ", ".join(missing),
    )


def node(look: Looker) -> Finding:
    """Whether this machine has joined a cluster at all."""
    if joined(look):
        return well("joined", "this machine is a node")
    return trouble(
        "joined",
        "this machine is no node: there is no /etc/wherry/agent.toml",
        "master join NAME (on the master)",
        breaks="nothing is run here",
        evidence="/etc/wherry/agent.toml: No such file",
    )
