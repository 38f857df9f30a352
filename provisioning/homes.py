"""Where a machine's node lives: its paths, its programs and what keeps them running.

A board's node has the whole machine, and programs that joining brings; the master's own machine runs the environment that
the master runs from, below the master's root.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.runtime.configuration import ContainerdPlace
from provisioning.services import SUPERVISE
from provisioning.supervising.services import Service

ROOT = PurePosixPath("/")


@dataclass(frozen=True, slots=True)
class Home:
    """`agent` is the program where it is there already; empty where joining brings it.  `cgroup` is above all pods' own."""

    root: PurePosixPath = ROOT
    agent: str = ""
    supervise: tuple[str, ...] = (SUPERVISE,)
    cgroup: str = "/"

    @property
    def etc(self) -> PurePosixPath:
        return self.root / "etc/wherry"

    @property
    def opt(self) -> PurePosixPath:
        return self.root / "opt/wherry"

    @property
    def state(self) -> PurePosixPath:
        return self.root / "var/lib/wherry"

    @property
    def run(self) -> PurePosixPath:
        return self.root / "run/wherry"

    @property
    def cluster_id(self) -> PurePosixPath:
        return self.state / "cluster-id"

    @property
    def containerd_settings(self) -> PurePosixPath:
        return self.etc / "containerd.toml"

    @property
    def containerd(self) -> ContainerdPlace:
        run = Path(self.run) / "containerd"
        cni = Path(self.root) / "etc/cni/net.d"
        return ContainerdPlace(Path(self.state) / "containerd", run, cni, socket=run / "containerd.sock")

    def log(self, service: Service) -> PurePosixPath:
        """Where a supervisor of ours writes what a service says."""
        return self.root / "var/log/wherry" / f"{service.name}.log"

    def command(self, *words: str) -> tuple[str, ...]:
        """A command of `agent` on this machine."""
        program = self.agent or str(self.opt / "current/bin/agent")
        return (program, *words, *(() if self.root == ROOT else ("--root", str(self.root))))

    @property
    def runtime_service(self) -> Service:
        argv = ("/usr/bin/containerd", "--config", str(self.containerd_settings))
        return Service("wherry-containerd", argv, stop_seconds=20.0, kill="process")

    @property
    def agent_service(self) -> Service:
        return Service("wherry-agent", self.command("run"), after=("wherry-containerd",), kill="process")

    @property
    def names_service(self) -> Service:
        return Service("wherry-dns", self.command("dns"))

    @property
    def announcer_service(self) -> Service:
        return Service("wherry-announce", self.command("announce"), stop_seconds=5.0)
