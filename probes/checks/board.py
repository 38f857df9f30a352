"""The board: power, temperature, memory, clock, the kernel's command line and memory cgroup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from probes import certificates, cgroups
from probes.checks.services import control
from probes.findings import Finding, trouble, well
from probes.looking import CouldNotLook, Looker
from probes.settings import settings

THROTTLED = {0: "under-voltage now", 1: "frequency capped now", 2: "throttled now", 3: "too hot now"}
HAPPENED = {16: "under-voltage since the boot", 17: "capped since the boot", 18: "throttled since the boot"}
"""Bits of `vcgencmd get_throttled`, as Raspberry Pi's documentation has them; bit 19, once too hot, is told by temperature."""
POWER_BITS = 1 << 0 | 1 << 16
HOT = 80.0
SENSORS = "/sys/class/hwmon"
FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
CMDLINES = ("/boot/firmware/cmdline.txt", "/boot/cmdline.txt")
CGROUP_WORDS = "cgroup_enable=memory cgroup_memory=1"
LEAST_SHARE = 0.05
BUILT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # no machine that runs this was set up before
MOST_SKEW = 5.0


def throttled(text: str) -> int:
    """The bits of `throttled=0x50005`, or of the firmware's file `50005`."""
    return int(text.strip().removeprefix("throttled=").removeprefix("0x"), 16)


def _bits(look: Looker) -> int | None:
    """None on a board that does not tell."""
    try:
        return throttled(look.run(("vcgencmd", "get_throttled")))
    except CouldNotLook:
        pass  # no such program, or no such board; the kernel has the same number
    try:
        return throttled(look.read(FIRMWARE))
    except CouldNotLook:
        return None


def power(look: Looker) -> Finding | None:
    """Under-voltage and throttling, as the board's firmware and sensors tell."""
    bits = _bits(look)
    alarms = [path for path in _sensors(look, "in", "_lcrit_alarm") if look.read(path).strip() == "1"]
    if bits is None and not alarms:
        return None
    if not (bits or 0) & POWER_BITS and not alarms:
        return well("power", "no under-voltage since the boot")
    told = [words for bit, words in (THROTTLED | HAPPENED).items() if (bits or 0) >> bit & 1]
    return trouble(
        "power",
        f"under-voltage: the board {'gets' if (bits or 0) & 1 or alarms else 'got'} less than 4.63 V",
        "use the board's own power supply and a short, thick cable; unplug USB devices; then: vcgencmd get_throttled",
        breaks="random resets, a slow board, broken cards",
        evidence=f"throttled={bits:#x}: {', '.join(told)}" if bits else ", ".join(alarms),
    )


def _sensors(look: Looker, prefix: str, suffix: str) -> Iterator[str]:
    """Files of all hwmon devices whose names begin and end so."""
    for device in _names(look, SENSORS):
        for name in _names(look, f"{SENSORS}/{device}"):
            if name.startswith(prefix) and name.endswith(suffix):
                yield f"{SENSORS}/{device}/{name}"


def _names(look: Looker, path: str) -> list[str]:
    try:
        return look.names(path)
    except CouldNotLook:
        return []


def temperature(look: Looker) -> Finding | None:
    """How hot the board is, and whether it is slowed down for it."""
    paths = [f"/sys/class/thermal/{zone}/temp" for zone in _names(look, "/sys/class/thermal") if "zone" in zone]
    degrees = {}
    for path in (*paths, *_sensors(look, "temp", "_input")):
        try:
            degrees[path] = int(look.read(path)) / 1000
        except (CouldNotLook, ValueError):
            continue  # a sensor that sleeps answers with an error
    bits = _bits(look) or 0
    if not degrees and not bits & 0b1110:
        return None
    hottest = max(degrees, key=lambda path: degrees[path], default="")
    if (hottest and degrees[hottest] >= HOT) or bits & 0b1110:
        said = f"{degrees[hottest]:.0f} °C" if hottest else "too hot"
        return trouble(
            "temperature",
            f"{said}: the board slows itself down",
            "give it a heat sink or a fan, and air; see what works so hard: top -o %CPU",
            breaks="everything is slow; above 85 °C the board stops",
            evidence=f"{hottest}: {degrees[hottest]:.1f} °C" if hottest else f"throttled={bits:#x}",
        )
    return well("temperature", f"{degrees[hottest]:.0f} °C" if hottest else "not too hot")


def memory(look: Looker) -> Finding:
    """RAM that is left, and what the kernel killed for want of it."""
    fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", look.read("/proc/meminfo"), re.MULTILINE))
    total, available = int(fields.get("MemTotal", 0)) << 10, int(fields.get("MemAvailable", 0)) << 10
    source, folder = "/proc/meminfo", look.root / "sys/fs/cgroup"
    limit, use = cgroups.limits(folder).memory, cgroups.used(folder)
    if limit and use and limit < total:
        total, available, source = limit, min(available, limit - use.memory), "the node's cgroup"
    if total and available / total < LEAST_SHARE:
        return trouble(
            "memory",
            f"{max(available, 0) >> 20} MiB of {total >> 20} MiB available",
            "kubectl top pods -A --sort-by=memory; give the largest a memory limit, move it, or use a larger board",
            breaks="the board swaps, or the kernel kills what it needs; pods are evicted",
            evidence=f"{source}: {available >> 10} KiB available",
        )
    swap = int(fields.get("SwapTotal", 0)) >> 10
    return well(
        "memory", f"{available >> 20} MiB available{f'; {swap} MiB of swap, which does no harm' if swap else ''}"
    )


def clock(look: Looker) -> Finding:
    """Compared with the day of this program, the node's certificate, and the master's clock."""
    now = look.now()
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    truth, evidence = _reference(look, now)
    behind = truth - now
    if abs(behind) <= MOST_SKEW:
        return well("clock", said)
    fix = f"date -u -s @{truth:.0f}" if truth > BUILT else "timedatectl set-ntp true"
    return trouble(
        "clock",
        f"is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead'}: it says {said}",
        f"{fix}{_keeping_time(look)}",
        breaks="certificates are `not yet valid` or `expired`, leases look stale, logs lie",
        evidence=evidence,
    )


def _reference(look: Looker, now: float) -> tuple[float, str]:
    """A better clock than ours, and how we know; ours where nothing speaks against it."""
    for server in settings(look).servers:
        try:
            answer = look.fetch(f"{server}/readyz", timeless=True)
            return parsedate_to_datetime(answer.date).timestamp(), f"{server} answers with Date: {answer.date}"
        except (CouldNotLook, ValueError, TypeError):
            continue  # it does not answer, or not with a date
    if now < BUILT:
        return BUILT, "that is before this program was made"
    try:
        begun = certificates.read(look.read("/etc/wherry/node.crt")).not_before.timestamp()
    except (CouldNotLook, ValueError):
        return now, ""
    return (begun, "that is before the node's certificate begins") if now < begun else (now, "")


def _keeping_time(look: Looker) -> str:
    """A board without a battery forgets the time: something has to bring it at each boot."""
    return " && timedatectl set-ntp true" if control(look) == "systemctl" else ""


def memory_cgroup(look: Looker) -> Finding:
    """Whether the kernel limits memory per group; many boards boot with that switched off."""
    name = "memory-cgroup"
    rows = [line.split() for line in look.read("/proc/cgroups").splitlines() if not line.startswith("#")]
    if any(row[0] == "memory" and row[3] == "1" for row in rows if len(row) == 4):
        return well(name, "on")
    try:
        if "memory" in look.read("/sys/fs/cgroup/cgroup.controllers").split():
            return well(name, "on")
    except CouldNotLook:
        pass  # no cgroup version 2; version 1 has just said no
    running = look.read("/proc/cmdline").split()
    path, text = _cmdline(look)
    lines = [line for line in text.splitlines() if line.strip()]
    if "cgroup_disable=memory" in running and "cgroup_disable=memory" in text.split():
        said, fix = "the command line switches it off", f"sed -i 's/ *cgroup_disable=memory//' {path} && reboot"
    elif len(lines) > 1:
        said = f"{path} has {len(lines)} lines, and the firmware reads only the first"
        fix = f"printf '%s\\n' \"$(tr '\\n' ' ' < {path})\" > {path} && reboot"
    elif "cgroup_enable=memory" in text.split():
        said, fix = f"{path} asks for it, but the running kernel was started without", "reboot"
    else:
        said = f"{path} does not ask for it"
        fix = f"sed -i '1s/$/ {CGROUP_WORDS}/' {path} && reboot"
    return trouble(
        name,
        f"off: {said}",
        fix,
        breaks="containers cannot be limited, and the agent starts no pods",
        evidence=f"/proc/cgroups: memory 0; /proc/cmdline: {' '.join(w for w in running if 'cgroup' in w) or 'no cgroup words'}",
    )


def _cmdline(look: Looker) -> tuple[str, str]:
    for path in CMDLINES:
        try:
            return path, look.read(path)
        except CouldNotLook:
            continue
    return CMDLINES[0], ""
