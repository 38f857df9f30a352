"""Blueprints: a board that announces itself and can be joined, and a machine that runs a master.

A flashed board carries the announcer on its card; a virtual node runs the programs of the environment that made it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import provisioning
from provisioning.supervising.services import Service
from provisioning.virtual.records import Blueprint, Size

ANNOUNCER = "wherry-announce"


def announcer() -> Service:
    """`agent announce`, kept running."""
    return Service(ANNOUNCER, (str(Path(sys.prefix) / "bin/agent"), "announce"), after=("sshd",), stop_seconds=5.0)


def own_programs() -> tuple[Path, ...]:
    """The environment that runs this, its Python and the folder of its packages: one may lie in another, or apart."""
    return outermost(Path(sys.prefix), Path(sys.base_prefix), Path(provisioning.__file__).parents[1])


def outermost(*folders: Path) -> tuple[Path, ...]:
    """Without what lies in another of them, or is named twice."""
    return tuple(one for one in dict.fromkeys(folders) if not any(other in one.parents for other in folders))


def prepared(name: str, size: Size | None = None, address: str = "") -> Blueprint:
    """A node that announces itself and can be joined."""
    return Blueprint(name, size or Size(), address, (announcer(),), own_programs())


def with_master(name: str, size: Size | None = None, address: str = "") -> Blueprint:
    """A machine whose supervisor runs `master run` with the default settings; its files lie where a master's do."""
    master = Service("master", (str(Path(sys.prefix) / "bin/master"), "run"), stop_seconds=15.0)
    return Blueprint(name, size or Size(), address, (master,), own_programs())
