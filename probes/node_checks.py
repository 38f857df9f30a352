"""The checks of one machine: each a function from a look at it to one finding.  CHECKS is the table.

Sources of the causes: reports of users of edge clusters; each check names what it breaks in the words a user would use.
"""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from probes.findings import Finding, trouble, unsure, well
from probes.looking import CouldNotLook, Looker

Check = Callable[[Looker], Finding]

SOCKET = "/run/wherry/containerd/containerd.sock"
SERVICES = ("wherry-containerd", "wherry-agent", "wherry-dns")
CNI_FOLDER, PLUGINS = "/etc/cni/net.d", "/usr/lib/cni"
NEEDED_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
LEAST_FREE = 0.10
BUILT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # no machine that runs this was set up before


def memory_cgroup(look: Looker) -> Finding:
    name = "memory cgroup"
    rows = [line.split() for line in look.read("/proc/cgroups").splitlines() if not line.startswith("#")]
    enabled = {row[0] for row in rows if len(row) == 4 and row[3] == "1"}
    if "memory" in enabled:
        return well(name, "on")
    try:
        if "memory" in look.read("/sys/fs/cgroup/cgroup.controllers").split():
            return well(name, "on")
    except CouldNotLook:
        pass  # no cgroup version 2; version 1 has just said no
    return trouble(
        name,
        "off, so containers cannot be limited and the agent does not start pods",
        "add `cgroup_enable=memory cgroup_memory=1` to the one line of /boot/firmware/cmdline.txt, then reboot",
    )


def forwarding(look: Looker) -> Finding:
    name = "forwarding"
    switches = {
        "net.ipv4.ip_forward": "/proc/sys/net/ipv4/ip_forward",
        "net.bridge.bridge-nf-call-iptables": "/proc/sys/net/bridge/bridge-nf-call-iptables",
    }
    off = []
    for switch, path in switches.items():
        try:
            if look.read(path).strip() != "1":
                off.append(switch)
        except CouldNotLook:
            return trouble(name, f"{path} is missing: the module br_netfilter is not loaded", "modprobe br_netfilter")
    if off:
        fix = " ".join(f"{switch}=1" for switch in off)
        return trouble(name, f"{' and '.join(off)} off, so pods cannot reach Services", f"sysctl -w {fix}")
    return well(name, "on")


def iptables_backend(look: Looker) -> Finding:
    name = "iptables backend"
    rules = {}
    for backend in ("nft", "legacy"):
        try:
            if backend == "legacy" and not look.read("/proc/net/ip_tables_names").strip():
                continue  # no table; asking iptables-legacy would make one
            saved = look.run((f"iptables-{backend}-save",))
        except CouldNotLook:
            continue
        rules[backend] = sum(line.startswith("-A ") for line in saved.splitlines())
    if not rules:
        return unsure(name, "neither iptables-nft-save nor iptables-legacy-save answers")
    if all(rules.get(backend) for backend in ("nft", "legacy")):
        return trouble(
            name,
            f"rules in both: {rules['nft']} in nft, {rules['legacy']} in legacy; packets meet both, Services time out",
            "remove the older ones: iptables-legacy-save to look, then iptables-legacy -F && iptables-legacy -t nat -F",
        )
    return well(name, next((b for b, count in rules.items() if count), next(iter(rules))))


def containerd(look: Looker) -> Finding:
    name = "containerd"
    try:
        version = look.run(("ctr", "--address", SOCKET, "--timeout", "2s", "version"))
    except CouldNotLook as error:
        if "not installed" in str(error):
            return trouble(name, "not installed", "apt-get install containerd")
        return trouble(
            name,
            f"does not answer at {SOCKET}: {error}",
            "see /var/log/wherry/wherry-containerd.log, then restart wherry-containerd",
        )
    found = re.search(r"Server:\s+Version:\s+(\S+)", version)
    return well(name, f"answers, version {found[1] if found else 'unknown'}")


def cni(look: Looker) -> Finding:
    name = "CNI"
    try:
        plugins = look.names(PLUGINS)
    except CouldNotLook:
        plugins = []
    missing = [plugin for plugin in NEEDED_PLUGINS if plugin not in plugins]
    if missing:
        return trouble(
            name, f"plugins missing in {PLUGINS}: {', '.join(missing)}", "apt-get install containernetworking-plugins"
        )
    try:
        files = [f for f in look.names(CNI_FOLDER) if f.endswith((".conf", ".conflist"))]
    except CouldNotLook:
        files = []
    if "10-wherry.conflist" not in files:
        return trouble(
            name,
            f"no 10-wherry.conflist in {CNI_FOLDER}, so pods get no network; the agent writes it once the node has a pod range",
            "is wherry-agent running and the master reachable? (see the findings about them)",
        )
    if files[0] != "10-wherry.conflist":
        return trouble(
            name, f"{CNI_FOLDER}/{files[0]} comes before ours and is used instead", f"remove {CNI_FOLDER}/{files[0]}"
        )
    return well(name, "configured")


def services(look: Looker) -> Finding:
    name = "services"
    states = service_states(look)
    down = [service for service in SERVICES if states.get(service) != "running"]
    if down:
        said = ", ".join(f"{service} {states.get(service, 'not installed')}" for service in down)
        return trouble(name, said, f"see /var/log/wherry/{down[0]}.log (or journalctl -u {down[0]})")
    return well(name, "running")


def service_states(look: Looker) -> Mapping[str, str]:
    """Each service's state, from systemd where it runs, else from our supervisor."""
    import json

    try:
        look.names("/run/systemd/system")
    except CouldNotLook:
        rows = json.loads(look.run(("wherry-supervise", "status")))
        return {row["name"]: row["state"] for row in rows}
    states = {}
    for service in SERVICES:
        shown = look.run(("systemctl", "show", "--property=ActiveState", "--value", service)).strip()
        states[service] = "running" if shown == "active" else shown
    return states


def api(look: Looker) -> Finding:
    """The way to the masters, as the agent goes it: name, route, firewall, certificate, answer."""
    name = "API"
    try:
        table = tomllib.loads(look.read("/etc/wherry/agent.toml"))
    except CouldNotLook:
        return trouble(
            name, "this machine is no node: there is no /etc/wherry/agent.toml", "on the master: master join"
        )
    refusals = []
    for server in table.get("master", {}).get("servers", ()):
        try:
            answer = look.fetch(f"{server}/readyz", "/etc/wherry/ca.crt")
        except CouldNotLook as error:
            refusals.append(f"{server}: {error}")
            continue
        if answer.status == 200:
            return well(name, f"{server} ready, answered in {answer.seconds * 1000:.0f} ms")
        refusals.append(f"{server}: {answer.status} {answer.body[:80]}")
    fix = "is the master on, is port 6443 open on the way, is this clock right?"
    return trouble(
        name, f"no master answers: {'; '.join(refusals) or 'none is named'}; pods run on, nothing new is heard", fix
    )


def disk(look: Looker) -> Finding:
    name = "disk"
    words = look.run(("df", "-Pk", "/var/lib")).splitlines()[-1].split()
    size, free = int(words[1]), int(words[3])
    inodes = look.run(("df", "-Pi", "/var/lib")).splitlines()[-1].split()
    if size and free / size < LEAST_FREE:
        return trouble(
            name,
            f"{free >> 10} MiB of {size >> 10} MiB free: pods are evicted and images removed below {LEAST_FREE:.0%}",
            "du -xhd2 /var | sort -h | tail; journalctl --vacuum-size=100M; remove what is not needed",
        )
    if inodes[1].isdigit() and int(inodes[1]) and int(inodes[3]) / int(inodes[1]) < 0.05:
        return trouble(
            name,
            f"only {inodes[3]} inodes free",
            "find the folder with very many small files: du --inodes -xd2 /var | sort -n | tail",
        )
    return well(name, f"{free >> 10} MiB free")


def read_only(look: Looker) -> Finding:
    name = "root file system"
    rows = [line.split() for line in look.read("/proc/mounts").splitlines()]
    options = [row[3].split(",") for row in rows if len(row) > 3 and row[1] == "/"]
    if options and "ro" in options[-1]:
        return trouble(
            name,
            "mounted read-only; the kernel does so after I/O errors",
            "dmesg | grep -i -E 'error|mmc'; replace the card",
        )
    return well(name, "writable")


def memory(look: Looker) -> Finding:
    name = "memory"
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", look.read("/proc/meminfo"), re.MULTILINE))
    total, available = int(fields.get("MemTotal", 0)), int(fields.get("MemAvailable", 0))
    if total and available / total < 0.05:
        return trouble(
            name,
            f"{available >> 10} MiB of {total >> 10} MiB available; the board swaps or kills",
            "ps aux --sort -rss | head; give pods memory limits, or a larger board",
        )
    return well(name, f"{available >> 10} MiB available")


def clock(look: Looker) -> Finding:
    """A board without a battery starts in the past; then no certificate is valid yet."""
    name = "clock"
    now = time.time()
    if now < BUILT:
        said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
        return trouble(
            name, f"says {said}, which is before this program was made", "timedatectl set-ntp true, or date -s"
        )
    try:
        stamp = look.run(("stat", "-c", "%Y", "/etc/wherry/node.crt")).strip()
    except CouldNotLook:
        return well(name, datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ"))
    if stamp.isdigit() and now < int(stamp) - 60:
        return trouble(
            name, f"is {int(stamp) - now:.0f} s behind the day this node joined", "timedatectl set-ntp true, or date -s"
        )
    return well(name, datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ"))


INOTIFY_USED = ("sh", "-c", "find /proc/[0-9]*/fd -lname anon_inode:inotify 2>/dev/null | wc -l")


def inotify(look: Looker) -> Finding:
    name = "inotify"
    limit = int(look.read("/proc/sys/fs/inotify/max_user_instances"))
    used = int(look.run(INOTIFY_USED))
    if used > 0.8 * limit:
        return trouble(
            name,
            f"{used} of {limit} instances are taken: programs in pods fail with 'too many open files'",
            f"sysctl -w fs.inotify.max_user_instances={max(1024, 8 * limit)} (and in /etc/sysctl.d)",
        )
    return well(name, f"{used} of {limit} instances taken")


CHECKS: dict[str, Check] = {
    "root-file-system": read_only,
    "disk": disk,
    "clock": clock,
    "memory-cgroup": memory_cgroup,
    "containerd": containerd,
    "api": api,
    "services": services,
    "cni": cni,
    "iptables": iptables_backend,
    "forwarding": forwarding,
    "memory": memory,
    "inotify": inotify,
}
"""By name, causes before what they cause."""


def examine(look: Looker, checks: Mapping[str, Check] = CHECKS) -> list[Finding]:
    """Every check's finding; what a check cannot look at, or cannot read, is said and never stops the others."""
    findings = []
    for name, check in checks.items():
        try:
            findings.append(check(look))
        except CouldNotLook as error:
            findings.append(unsure(name, str(error)))
        except (ValueError, IndexError, KeyError, TypeError) as error:
            findings.append(unsure(name, f"the answer makes no sense: {error}"))
    return findings
