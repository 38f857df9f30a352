"""Virtual nodes that run though their files are gone (someone removed the root first): found by their cgroups, ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from kube.layout import Layout
from provisioning.virtual.cgroups import hierarchies, remove_group
from provisioning.virtual.nodes import all_nodes
from provisioning.virtual.records import tag

DEATH_SECONDS = 10.0


def end_strays(layout: Layout) -> list[str]:
    """End the nodes of this root that have no record any more; their names."""
    known = {node.record.name for node in all_nodes(layout)}
    above = f"wherry/{tag(layout)}"
    homes = [hierarchy.mount / above for hierarchy in hierarchies()]
    found = {path.name for home in homes if home.is_dir() for path in home.iterdir() if path.is_dir()}
    names = sorted(found - known)
    for name in names:
        end_group(f"{above}/{name}")
    return names


def end_group(group: str) -> None:
    """Kill what is in a cgroup until nothing is, and remove it; ValueError when something does not end."""
    end = time.monotonic() + DEATH_SECONDS
    while pids := processes(group):
        if time.monotonic() > end:
            raise ValueError(f"processes {sorted(pids)} in the cgroup {group} do not end")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    remove_group(group)


def processes(group: str) -> set[int]:
    """Every process in a cgroup and below, in any hierarchy."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy.mount / group):
            with suppress(FileNotFoundError):
                found.update(int(word) for word in Path(folder, "cgroup.procs").read_text().split())
    return found - {0}
