"""Our services: which run, by whom they are kept, and what they said last."""

from __future__ import annotations

import json
from collections.abc import Callable

from probes.findings import Finding, trouble, well
from probes.looking import CouldNotLook, Looker

SERVICES = ("wherry-containerd", "wherry-agent", "wherry-dns")


def running(look: Looker) -> Finding:
    """Our services: running, stopped, or stopped by a signal."""
    states, program = service_states(look), control(look)
    stopped = {name: pid for name, (state, pid) in states.items() if state == "running" and _is_stopped(look, pid)}
    if stopped:
        name, pid = next(iter(stopped.items()))
        return trouble(
            "services",
            f"{name} is stopped by a signal (SIGSTOP), so it answers nobody",
            " && ".join(f"kill -CONT {pid}" for pid in stopped.values()),
            breaks=BREAKS.get(name, ""),
            evidence=f"/proc/{pid}/stat: T",
            safe=True,
            undo=f"kill -STOP {pid}",
        )
    down = {name: states.get(name, ("not installed", 0))[0] for name in SERVICES}
    down = {name: state for name, state in down.items() if state != "running"}
    if not down:
        return well("services", "running")
    first = next(iter(down))
    fix = f"{program} start {first}"
    if set(down.values()) == {"not installed"}:
        fix = "master join NAME (on the master)"
    elif len(down) > 1:
        fix = " && ".join(f"{program} start {name}" for name, state in down.items() if state != "not installed")
    return trouble(
        "services",
        ", ".join(f"{name} {state}" for name, state in down.items()),
        fix,
        breaks="; ".join(BREAKS[name] for name in down),
        evidence=last_words(look, first) or f"{program} says {down[first]}",
        safe=" start " in fix,
        undo=f"{program} stop {' '.join(down)}" if " start " in fix and len(down) == 1 else "",
    )


BREAKS = {
    "wherry-containerd": "no container can be started or stopped",
    "wherry-agent": "the node turns NotReady, and its pods are moved",
    "wherry-dns": "pods on this node resolve no names",
}


def control(look: Looker) -> str:
    """The program that starts and stops them: systemd's where it runs, else our supervisor's."""
    try:
        look.names("/run/systemd/system")
    except CouldNotLook:
        return "wherry-supervise"
    return "systemctl"


def service_states(look: Looker) -> dict[str, tuple[str, int]]:
    """Each service's state and main process."""
    if control(look) != "systemctl":
        root = () if str(look.root) == "/" else ("--root", str(look.root))
        rows = json.loads(look.run(("wherry-supervise", *root, "status")))
        return {row["name"]: (row["state"], row.get("pid") or 0) for row in rows}
    states = {}
    for name in SERVICES:
        shown = look.run(("systemctl", "show", "--property=LoadState,ActiveState,MainPID", name))
        fields = dict(line.partition("=")[::2] for line in shown.splitlines())
        state = "not installed" if fields.get("LoadState") == "not-found" else fields.get("ActiveState", "")
        states[name] = ("running" if state == "active" else state, int(fields.get("MainPID", 0)))
    return states


def _is_stopped(look: Looker, pid: int) -> bool:
    return process_state(look, pid) in ("T", "t")


def process_state(look: Looker, pid: int) -> str:
    """The letter of proc(5): R, S, D, T, Z; empty when there is no such process."""
    try:
        return look.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] if pid else ""
    except (CouldNotLook, IndexError):
        return ""


def last_words(look: Looker, service: str) -> str:
    """The last line that a service wrote to its log or the journal."""
    readers: tuple[Callable[[], str], ...] = (
        lambda: look.read(f"/var/log/wherry/{service}.log"),
        lambda: look.run(("journalctl", "-u", service, "-n", "1", "-o", "cat", "--no-pager")),
    )
    for read in readers:
        try:
            lines = read().strip().splitlines()
        except CouldNotLook:
            continue
        if lines:
            return f"{service}: {lines[-1][:200]}"
    return ""
