"""What `master up` is asked for, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kube.layout import Layout
from provisioning.virtual.records import Size


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `master up` was asked for."""

    layout: Layout
    virtual_nodes: int = 0
    size: Size = field(default_factory=Size)
    subnet: str = ""
    this_machine: bool = False
    taints: tuple[str, ...] = ()
    """Of this machine, when it becomes a node."""
    sample: bool = True
    store: str = ""
    """Where the state shall lie, sqlite or etcd; empty: as the settings say."""


@dataclass(slots=True)
class Outcome:
    """What is there at the end."""

    kubeconfig: Path
    nodes: list[dict[str, Any]] = field(default_factory=list)
    pods: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""
    answers: dict[str, str] = field(default_factory=dict)
