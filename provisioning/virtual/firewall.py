"""Letting virtual nodes talk where the host forwards nothing by default.

With br_netfilter, what passes over a bridge goes through the host's FORWARD chain too; other container engines set its
policy to DROP.  One rule for our bridge then lets its own traffic pass, and goes with the bridge.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

IPTABLES = ("/usr/sbin/iptables", "-w")
SWITCH = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


def rule(bridge: str) -> tuple[str, ...]:
    """What passes from the bridge to the bridge."""
    return ("FORWARD", "-i", bridge, "-o", bridge, "-m", "comment", "--comment", "wherry", "-j", "ACCEPT")


def drops(chain: str) -> bool:
    """Whether `iptables -S FORWARD` shows a chain that does not let everything pass."""
    lines = chain.splitlines()
    return "-P FORWARD DROP" in lines or any(line.endswith(("-j DROP", "-j REJECT")) for line in lines)


def has_rule(chain: str, bridge: str) -> bool:
    return any(line.split()[2:6] == ["-i", bridge, "-o", bridge] for line in chain.splitlines())


def open_bridge(bridge: str) -> None:
    """Put the rule first, where it is needed and missing."""
    if not SWITCH.exists() or SWITCH.read_text().strip() != "1":
        return
    chain = _chain()
    if drops(chain) and not has_rule(chain, bridge):
        subprocess.run((*IPTABLES, "-I", *rule(bridge)), check=True, capture_output=True)


def close_bridge(bridge: str) -> None:
    """Take the rule away, if it is there."""
    if has_rule(_chain(), bridge):
        subprocess.run((*IPTABLES, "-D", *rule(bridge)), check=True, capture_output=True)


def _chain() -> str:
    done = subprocess.run((*IPTABLES, "-S", "FORWARD"), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"iptables: {done.stderr.strip()}")
    return done.stdout
