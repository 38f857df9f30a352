"""Where wherry's files lie: fixed paths, all under one root (`--root DIR`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one installation; `Layout(Path("/"))` is the system's own."""

    root: Path = Path("/")

    @property
    def config(self) -> Path:
        return self.root / "etc/wherry"

    @property
    def state(self) -> Path:
        return self.root / "var/lib/wherry"

    @property
    def logs(self) -> Path:
        return self.root / "var/log/wherry"

    @property
    def run(self) -> Path:
        return self.root / "run/wherry"

    @property
    def programs(self) -> Path:
        return self.root / "opt/wherry"

    @property
    def kubernetes(self) -> Path:
        return self.root / "etc/kubernetes"

    @property
    def pki(self) -> Path:
        return self.kubernetes / "pki"

    @property
    def admin_conf(self) -> Path:
        return self.kubernetes / "admin.conf"
